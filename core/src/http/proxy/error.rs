use http::StatusCode;

/// A proxy, or an exception from it, that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The URL of a proxy is none.
    #[error("{source_name} = {value} is no proxy: {reason}; it looks like `http://user:password@host:port`")]
    Url {
        /// The field or the environment variable.
        source_name: &'static str,
        /// What it says, without user and password.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A SOCKS proxy, which is not supported yet.
    #[error(
        "{source_name} = {value} is a SOCKS proxy, which is not supported yet; \
         name an HTTP proxy, or none with `proxy::Config::none()`"
    )]
    Socks {
        /// The field or the environment variable.
        source_name: &'static str,
        /// What it says, without user and password.
        value: String,
    },
    /// An exception is none.
    #[error("{source_name} has the entry `{entry}`: {reason}")]
    NoProxy {
        /// The field or the environment variable.
        source_name: &'static str,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Why a proxy gave no tunnel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It wants a user and a password, or others.
    #[error(
        "the proxy answered 407, it wants {}user and password ({challenge}); \
         they stand in its URL, `http://user:password@host:port`",
        if *.sent { "another " } else { "a " }
    )]
    AuthenticationRequired {
        /// Whether some were sent.
        sent: bool,
        /// What it said about it: `Proxy-Authenticate`, in short.
        challenge: String,
    },
    /// It does not want to.
    #[error(
        "the proxy refused the tunnel: {status} {reason}; ask whoever runs it, or except the host by `no_proxy`"
    )]
    Refused {
        /// What it answered.
        status: StatusCode,
        /// In its own words, in short.
        reason: String,
    },
    /// What it said is not HTTP.
    #[error("the proxy's answer is no HTTP ({reason}); is it an HTTP proxy, and is its scheme right?")]
    NotHttp {
        /// What is wrong with it.
        reason: String,
    },
    /// The head of its answer did not end.
    #[error("the head of the proxy's answer is longer than {head_bytes_max} bytes")]
    TooLong {
        /// How long it may be.
        head_bytes_max: usize,
    },
    /// It opened the tunnel and then spoke before anybody was asked, which no server does before TLS.
    #[error(
        "the proxy opened the tunnel and sent {bytes} bytes nobody asked for; it cannot be trusted with it"
    )]
    SpokeFirst {
        /// How many came with the head.
        bytes: usize,
    },
    /// It hung up.
    #[error(
        "the proxy closed the connection after {bytes} bytes of its answer; it may be overloaded: try again"
    )]
    Closed {
        /// How many bytes of the head it had sent.
        bytes: usize,
    },
    /// The host to connect to cannot stand in a request.
    #[error("`{host}` is no host to ask a proxy for")]
    Host {
        /// The host, with what cannot be shown escaped.
        host: String,
    },
}
