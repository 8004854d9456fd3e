//! The same connection for everyone, and the pools around it, each with its own defaults but for the size.

use std::{convert::Infallible, future::Future, ops::DerefMut, time::Duration};

use seaworthy_core::{pool, rt::Rt};

/// Some state, as a connection has.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    pub(crate) uses: u64,
    _state: [u64; 15],
}

pub(crate) struct Dial;

impl pool::Manager for Dial {
    type Connection = Connection;
    type Error = Infallible;

    async fn connect(&self) -> Result<Connection, Infallible> {
        Ok(Connection::default())
    }

    fn is_broken(&self, connection: &mut Connection) -> bool {
        connection.uses == u64::MAX
    }
}

impl deadpool::managed::Manager for Dial {
    type Type = Connection;
    type Error = Infallible;

    async fn create(&self) -> Result<Connection, Infallible> {
        Ok(Connection::default())
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _metrics: &deadpool::managed::Metrics,
    ) -> deadpool::managed::RecycleResult<Infallible> {
        assert!(connection.uses < u64::MAX);
        Ok(())
    }
}

impl bb8::ManageConnection for Dial {
    type Connection = Connection;
    type Error = Infallible;

    async fn connect(&self) -> Result<Connection, Infallible> {
        Ok(Connection::default())
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), Infallible> {
        assert!(connection.uses < u64::MAX);
        Ok(())
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.uses == u64::MAX
    }
}

#[mobc::async_trait]
impl mobc::Manager for Dial {
    type Connection = Connection;
    type Error = Infallible;

    async fn connect(&self) -> Result<Connection, Infallible> {
        Ok(Connection::default())
    }

    async fn check(&self, connection: Connection) -> Result<Connection, Infallible> {
        assert!(connection.uses < u64::MAX);
        Ok(connection)
    }
}

/// What all pools do.
pub(crate) trait Lender: Clone + Send + Sync + 'static {
    type Lease<'a>: DerefMut<Target = Connection> + Send;

    fn lend(&self) -> impl Future<Output = Self::Lease<'_>> + Send;
}

impl Lender for pool::Pool<Dial> {
    type Lease<'a> = pool::Lease<Dial>;

    async fn lend(&self) -> pool::Lease<Dial> {
        self.get().await.expect(FINE)
    }
}

impl Lender for deadpool::managed::Pool<Dial> {
    type Lease<'a> = deadpool::managed::Object<Dial>;

    async fn lend(&self) -> deadpool::managed::Object<Dial> {
        self.get().await.expect(FINE)
    }
}

impl Lender for bb8::Pool<Dial> {
    type Lease<'a> = bb8::PooledConnection<'a, Dial>;

    async fn lend(&self) -> bb8::PooledConnection<'_, Dial> {
        self.get().await.expect(FINE)
    }
}

impl Lender for mobc::Pool<Dial> {
    type Lease<'a> = mobc::Connection<Dial>;

    async fn lend(&self) -> mobc::Connection<Dial> {
        self.get().await.expect(FINE)
    }
}

const FINE: &str = "connects never fail";

pub(crate) fn ours(rt: &Rt, max: usize) -> pool::Pool<Dial> {
    pool::Pool::new(rt, Dial, pool::Config { max, ..pool::Config::default() }).expect(FINE)
}

pub(crate) fn deadpool(max: usize) -> deadpool::managed::Pool<Dial> {
    deadpool::managed::Pool::builder(Dial).max_size(max).build().expect(FINE)
}

/// A deadpool with the time limit that the others have by default.
pub(crate) fn deadpool_with_timeout(max: usize) -> deadpool::managed::Pool<Dial> {
    deadpool::managed::Pool::builder(Dial)
        .max_size(max)
        .runtime(deadpool::Runtime::Tokio1)
        .wait_timeout(Some(Duration::from_secs(30)))
        .build()
        .expect(FINE)
}

pub(crate) async fn bb8(max: usize, is_tested: bool) -> bb8::Pool<Dial> {
    let max = u32::try_from(max).expect("a small number");
    let builder = bb8::Pool::builder().max_size(max).test_on_check_out(is_tested);
    builder.build(Dial).await.expect(FINE)
}

pub(crate) fn mobc(max: usize) -> mobc::Pool<Dial> {
    mobc::Pool::builder().max_open(max as u64).max_idle(max as u64).build(Dial)
}
