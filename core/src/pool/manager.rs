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
    /// way, and call a connection broken that comes back in the middle of one.
    fn is_broken(&self, connection: &mut Self::Connection) -> bool;

    /// Finds out whether a connection that was idle for [`Config::check_after_idle`](super::Config::check_after_idle) still
    /// works. It runs in the task of the caller of `get`, which gets another connection if this fails, is cut short, or
    /// takes longer than [`Config::check_timeout`](super::Config::check_timeout). Default: it does.
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
