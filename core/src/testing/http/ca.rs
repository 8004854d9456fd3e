use std::{fmt, sync::Arc};

use futures_rustls::{
    TlsAcceptor,
    rustls::{
        self, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// When the certificates of a [`TestCa`] are good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validity {
    /// From 1975 to 4096, so at the date of any run.
    #[default]
    Good,
    /// In the year 2000.
    Expired,
    /// From the year 4000 on.
    NotYet,
}

/// A certificate authority of a test's own: good certificates for servers, and bad ones.
///
/// Its keys are made anew each time by the system, not from the seed of a run; nor is any handshake of TLS the same twice.
/// What goes over the wire differs, and so may lengths by a byte or two; what a test should look at does not.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::testing::http::{Server, TestCa, Validity, routes};
///
/// let ca = TestCa::new().unwrap();
/// let good = ca.acceptor(&["localhost", "127.0.0.1"], Validity::Good).unwrap();
/// let server = Server::start_tls(&rt, ([127, 0, 0, 1], 0), good, routes).await.unwrap();
/// assert!(server.url("/").starts_with("https://"));
///
/// // What a client must refuse: another host's certificate, and one that has expired.
/// let other = ca.acceptor(&["other.example"], Validity::Good).unwrap();
/// let expired = ca.acceptor(&["localhost"], Validity::Expired).unwrap();
/// # drop((other, expired));
/// # });
/// ```
pub struct TestCa(CertifiedIssuer<'static, KeyPair>);

/// A certificate could not be made; its text says why.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate for {names}: {source}")]
#[non_exhaustive]
pub struct TestCaError {
    /// For whom.
    pub names: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl TestCa {
    /// An authority that nobody trusts yet.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub fn new() -> Result<Self, TestCaError> {
        let made = || -> Result<_, rcgen::Error> {
            let mut params = CertificateParams::new(Vec::new())?;
            let key = KeyPair::generate()?;
            // Each has a name of its own: clients look for an issuer by its name.
            let id: String =
                key.public_key_raw().iter().rev().take(8).map(|byte| format!("{byte:02x}")).collect();
            params.distinguished_name.push(DnType::CommonName, format!("Seaworthy test authority {id}"));
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
            CertifiedIssuer::self_signed(params, key)
        };
        made().map(Self).map_err(|error| TestCaError::new(&["the authority"], error))
    }

    /// Its own certificate, for clients that are to trust it.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// The same as PEM, for a file or a config.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The roots of a client that trusts it and nobody else.
    ///
    /// # Errors
    ///
    /// If rustls does not take the certificate.
    pub fn roots(&self) -> Result<RootCertStore, TestCaError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).map_err(|error| TestCaError::new(&["the authority"], error))?;
        Ok(roots)
    }

    /// A server with a certificate for these names and IP addresses.
    ///
    /// # Errors
    ///
    /// If a name cannot stand in a certificate.
    pub fn acceptor(&self, names: &[&str], validity: Validity) -> Result<TlsAcceptor, TestCaError> {
        Ok(TlsAcceptor::from(Arc::new(self.server_config(names, validity)?)))
    }

    /// The same for a server of another kind, or with ALPN.
    ///
    /// # Errors
    ///
    /// If a name cannot stand in a certificate.
    pub fn server_config(&self, names: &[&str], validity: Validity) -> Result<ServerConfig, TestCaError> {
        let (certificate, key) = self.issue(names, validity)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        config.map_err(|error: rustls::Error| TestCaError::new(names, error))
    }

    /// A certificate for these names and IP addresses and its key, as PEM: for a server in another process.
    ///
    /// # Errors
    ///
    /// If a name cannot stand in a certificate.
    pub fn pem_pair(&self, names: &[&str], validity: Validity) -> Result<(String, String), TestCaError> {
        let (certificate, key) = self.issue(names, validity)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn issue(
        &self,
        names: &[&str],
        validity: Validity,
    ) -> Result<(rcgen::Certificate, KeyPair), TestCaError> {
        let refused = |error: rcgen::Error| TestCaError::new(names, error);
        let key = KeyPair::generate().map_err(refused)?;
        let owned: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(owned).map_err(refused)?;
        match validity {
            Validity::Good => {}
            Validity::Expired => {
                params.not_before = rcgen::date_time_ymd(2000, 1, 1);
                params.not_after = rcgen::date_time_ymd(2000, 12, 31);
            }
            Validity::NotYet => params.not_before = rcgen::date_time_ymd(4000, 1, 1),
        }
        let certificate = params.signed_by(&key, &*self.0).map_err(refused)?;
        Ok((certificate, key))
    }
}

impl TestCaError {
    fn new(names: &[&str], source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { names: names.join(", "), source: Box::new(source) }
    }
}

impl fmt::Debug for TestCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCa").finish_non_exhaustive()
    }
}
