use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::io::{AsyncRead, AsyncWrite};
use futures_rustls::{TlsConnector, client::TlsStream};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    time_provider::TimeProvider,
};

use crate::{
    ConfigError,
    rt::{Address, BoxConnection, Connection, Rt},
};

/// Whom to trust, and what to offer. Checked once, when the client is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// Who vouches for servers. Default: [`Roots::Platform`].
    pub roots: Roots,
    /// More certificates that vouch for servers, as PEM text; each may hold several. Default: none.
    pub extra_roots: Vec<String>,
    /// Whether HTTP/2 is offered; the server chooses. Default: yes.
    pub http2: bool,
}

/// Who vouches for servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Roots {
    /// Whom the operating system trusts, or Mozilla's list if the system has none, as in a bare container.
    #[default]
    Platform,
    /// Mozilla's list, as it was when this was built.
    Mozilla,
    /// Nobody but [`Config::extra_roots`].
    None,
}

impl Default for Config {
    fn default() -> Self {
        Self { roots: Roots::default(), extra_roots: Vec::new(), http2: true }
    }
}

/// Ready to shake hands.
pub(in crate::http) struct Tls {
    /// Offers what the config says.
    connector: TlsConnector,
    /// Offers HTTP/1.1 only.
    plain: TlsConnector,
}

/// Why nobody shook hands.
#[derive(Debug, thiserror::Error)]
#[error("TLS with `{host}`: {source}")]
struct NoTls {
    host: String,
    source: io::Error,
}

/// As ALPN names them (RFC 7301, section 6).
const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

impl Tls {
    pub(in crate::http) fn new(rt: &Rt, config: &Config) -> Result<Self, ConfigError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(Clock(rt.clone())))
            .with_safe_default_protocol_versions()
            .map_err(|error| ConfigError::new("http::TlsConfig", error, "protocols that ring knows"))?;
        let extra = extra_roots(config)?;
        // With extra roots it would not say that the system has none of its own.
        let platform = || {
            use rustls_platform_verifier::Verifier;
            let own = Verifier::new(Arc::clone(&provider))?;
            if extra.is_empty() { Ok(own) } else { Verifier::new_with_extra_roots(extra.clone(), provider) }
        };
        let client = match config.roots {
            Roots::Platform => match platform() {
                Ok(verifier) => builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier))
                    .with_no_client_auth(),
                Err(error) => {
                    tracing::debug!(name: "seaworthy.http.no_platform_roots", %error);
                    builder.with_root_certificates(store(true, extra)?).with_no_client_auth()
                }
            },
            Roots::Mozilla => builder.with_root_certificates(store(true, extra)?).with_no_client_auth(),
            Roots::None => builder.with_root_certificates(store(false, extra)?).with_no_client_auth(),
        };
        let mut plain = client.clone();
        plain.alpn_protocols = vec![HTTP_1_1.to_vec()];
        let mut client = client;
        client.alpn_protocols.clone_from(&plain.alpn_protocols);
        if config.http2 {
            client.alpn_protocols.insert(0, HTTP_2.to_vec());
        }
        let connector = |client| TlsConnector::from(Arc::new(client));
        Ok(Self { connector: connector(client), plain: connector(plain) })
    }

    /// Shakes hands with `host` on `connection`, and says whether it speaks HTTP/2 then.
    pub(in crate::http) async fn connect(
        &self,
        host: &str,
        connection: BoxConnection,
    ) -> io::Result<(BoxConnection, bool)> {
        let stream = handshake(&self.connector, host, connection).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
        Ok((Box::new(Secured(stream)), is_http2))
    }

    /// The same with somebody who speaks HTTP/1.1: a proxy.
    pub(in crate::http) async fn connect_http1(
        &self,
        host: &str,
        connection: BoxConnection,
    ) -> io::Result<BoxConnection> {
        Ok(Box::new(Secured(handshake(&self.plain, host, connection).await?)))
    }
}

async fn handshake(
    connector: &TlsConnector,
    host: &str,
    connection: BoxConnection,
) -> io::Result<TlsStream<BoxConnection>> {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let shaken = match ServerName::try_from(host.clone()) {
        Ok(name) => connector.connect(name, connection).await,
        Err(error) => Err(io::Error::other(error)),
    };
    shaken.map_err(|source| io::Error::new(source.kind(), NoTls { host, source }))
}

fn extra_roots(config: &Config) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let refused = |what: String| {
        ConfigError::new("http::TlsConfig::extra_roots", what, "PEM text with one certificate or more")
    };
    let mut roots = Vec::new();
    for (number, pem) in config.extra_roots.iter().enumerate() {
        let before = roots.len();
        for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.push(root.map_err(|error| refused(format!("number {number} ({error})")))?);
        }
        if roots.len() == before {
            return Err(refused(format!("number {number} (no certificate in it)")));
        }
    }
    Ok(roots)
}

fn store(with_mozilla: bool, extra: Vec<CertificateDer<'static>>) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    if with_mozilla {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for root in extra {
        let added = store.add(root);
        added.map_err(|error| {
            ConfigError::new("http::TlsConfig::extra_roots", error, "certificates that may vouch for others")
        })?;
    }
    Ok(store)
}

/// The date by which certificates are judged is the runtime's.
#[derive(Debug)]
struct Clock(Rt);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = self.0.wall_clock().duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}

/// A connection that nobody else can read.
struct Secured(TlsStream<BoxConnection>);

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl Connection for Secured {
    fn peer_addr(&self) -> io::Result<Address> {
        self.0.get_ref().0.peer_addr()
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.get_ref().0.local_addr()
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.0.get_ref().0.set_nodelay(on)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn abort(self: Box<Self>) {
        self.0.into_inner().0.abort();
    }
}
