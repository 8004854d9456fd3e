use std::future::{Future, ready};

/// How connections are made, looked at and ended: what a user of [`Pool`](super::Pool) writes.
///
/// No method is called under a lock, so each may use the pool itself. A panic in one of them fails what was under way and
/// nothing else: a connect counts as failed, a connection as broken.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use std::io;
///
/// use seaworthy_core::{pool::{Config, Manager, Pool}, rt::{BoxConnection, Rt}};
///
/// struct Backend(Rt);
///
/// impl Manager for Backend {
///     type Connection = BoxConnection;
///     type Error = io::Error;
///
///     async fn connect(&self) -> io::Result<BoxConnection> {
///         self.0.connect(([127, 0, 0, 1], 7000)).await
///     }
///
///     fn is_broken(&self, _connection: &mut BoxConnection) -> bool {
///         false
///     }
/// }
///
/// let _listener = rt.listen(([127, 0, 0, 1], 7000)).await.unwrap();
/// let pool = Pool::new(&rt, Backend(rt.clone()), Config::default()).unwrap();
/// let connection = pool.get().await.unwrap();
/// assert_eq!(connection.peer_addr().unwrap().to_string(), "127.0.0.1:7000");
/// # });
/// ```
pub trait Manager: Send + Sync + 'static {
    /// What the pool holds.
    type Connection: Send + 'static;
    /// Why a connect or a check failed.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Makes a new connection. It runs in a task of its own, for at most
    /// [`Config::connect_timeout`](super::Config::connect_timeout).
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// Whether the connection is no good any more. It is asked at every return, so it must be quick and must not block:
    /// look at a flag, not at the network. A broken connection is dropped, without a [`close`](Self::close).
    ///
    /// This is also where to find out that a user was cancelled half-way through an exchange: remember that one is under
    /// way, and call a connection broken that comes back in the middle of one, or have it [reset](Self::needs_reset).
    fn is_broken(&self, connection: &mut Self::Connection) -> bool;

    /// Whether the connection has to be [reset](Self::reset) before it is lent again: its holder was cancelled within a
    /// transaction, or left settings behind. It is asked at every return of a connection that is not broken, so it must be
    /// quick and must not block. Default: no, at no cost.
    fn needs_reset(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Brings a connection that [needs it](Self::needs_reset) into the state of a new one. It runs in a task of its own,
    /// after the lease, for at most [`Config::check_timeout`](super::Config::check_timeout); meanwhile the connection
    /// counts as `checking`. If it fails, panics, is cut short or takes too long, the connection is dropped. Default: there
    /// is nothing to do.
    fn reset(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = connection;
        ready(Ok(()))
    }

    /// Whether a connect that failed so will fail again until somebody changes something: a wrong password, an unknown
    /// database. All who wait fail at once then, with [`ConnectFailed`](super::ConnectFailed), and the pool does not try
    /// again by itself. Whoever asks later has one more connect tried, after the pause of
    /// [`Config::connect_backoff`](super::Config::connect_backoff). Default: no error is.
    fn is_fatal(&self, error: &Self::Error) -> bool {
        let _ = error;
        false
    }

    /// Finds out whether a connection still works, when [`Config::check`](field@super::Config::check) says so. It runs in the
    /// task of the caller of `get`, which gets another connection if this fails, is cut short, or takes longer than
    /// [`Config::check_timeout`](super::Config::check_timeout); and in a task of its own for
    /// [`Config::keepalive`](super::Config::keepalive). Default: it does.
    fn check(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = connection;
        ready(Ok(()))
    }

    /// Says goodbye. It runs in a task of its own, for at most [`Config::close_timeout`](super::Config::close_timeout).
    /// Default: the connection is dropped.
    fn close(&self, connection: Self::Connection) -> impl Future<Output = ()> + Send {
        drop(connection);
        ready(())
    }
}
