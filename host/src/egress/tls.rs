//! TLS of one connection: which certificates are trusted, and what to say about the others.
//!
//! Trusted are the system's roots (Mozilla's where the system has none) and what the operator gave with
//! `--ca`. A server certificate that was itself given with `--ca` is trusted as well, as long as its name and
//! dates are right: the usual self-signed certificate of an installation inside a company says that it is a
//! CA, and would else be refused for that.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, OtherError,
    RootCertStore, SignatureScheme,
};

use super::EgressConfigError;
use super::fault::{Code, Fault};
use super::origin::Origin;

/// HTTP/2 first, then HTTP/1.1.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Builds the client side of TLS.
pub(super) fn client_config(
    ca_pem: &[String],
    client_pem: Option<&str>,
    insecure: bool,
) -> Result<ClientConfig, EgressConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| EgressConfigError::Tls(e.to_string()))?;
    let own = own_certificates(ca_pem)?;
    let verifier: Arc<dyn ServerCertVerifier> = if insecure {
        Arc::new(AcceptAnything(provider))
    } else {
        Arc::new(Verifier::new(own, provider)?)
    };
    // Called dangerous because of what a verifier may do; the stricter of ours only adds to webpki's.
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match client_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let bad = |e: &dyn std::fmt::Display| EgressConfigError::Client(e.to_string());
            let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| bad(&e))?;
            if chain.is_empty() {
                return Err(bad(&"it holds no certificate"));
            }
            let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
                .map_err(|_| bad(&"it holds no private key"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| bad(&e))?
        }
    };
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn own_certificates(ca_pem: &[String]) -> Result<Vec<CertificateDer<'static>>, EgressConfigError> {
    let mut own = Vec::new();
    for pem in ca_pem {
        let before = own.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            own.push(certificate.map_err(|e| EgressConfigError::Ca(e.to_string()))?);
        }
        if own.len() == before {
            return Err(EgressConfigError::Ca("it holds no certificate".to_owned()));
        }
    }
    Ok(own)
}

/// The system's roots, read once a process.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        roots
    })
}

/// webpki's verifier, and the operator's own certificates.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn new(
        own: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, EgressConfigError> {
        let mut roots = system_roots().clone();
        for certificate in &own {
            roots
                .add(certificate.clone())
                .map_err(|e| EgressConfigError::Ca(e.to_string()))?;
        }
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|e| EgressConfigError::Tls(e.to_string()))?;
        Ok(Self { inner, own })
    }
}

/// What a certificate is when nobody vouches for it but itself.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is self-signed")]
struct SelfSigned;

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let refused =
            match self
                .inner
                .verify_server_cert(end_entity, intermediates, name, ocsp, now)
            {
                Err(refused) if is_unvouched(&refused) => refused,
                other => return other,
            };
        // webpki looks at the dates before it asks who vouches, so they are right here.
        if is_ca_as_server(&refused) && self.own.iter().any(|own| own == end_entity) {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        let self_signed = webpki::EndEntityCert::try_from(end_entity)
            .is_ok_and(|certificate| certificate.issuer() == certificate.subject());
        if self_signed {
            let cause = OtherError(Arc::new(SelfSigned));
            return Err(TlsError::InvalidCertificate(CertificateError::Other(cause)));
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn is_unvouched(error: &TlsError) -> bool {
    matches!(
        error,
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer)
    ) || is_ca_as_server(error)
}

fn is_ca_as_server(error: &TlsError) -> bool {
    matches!(
        error,
        TlsError::InvalidCertificate(CertificateError::Other(OtherError(cause)))
            if matches!(cause.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
    )
}

/// The explicit "do not verify": any certificate, as long as the server holds its key.
#[derive(Debug)]
struct AcceptAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The words for a handshake that failed.
pub(super) fn fault(error: &io::Error, origin: &Origin) -> Fault {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TlsError>());
    match tls {
        Some(TlsError::InvalidCertificate(why)) => certificate_fault(why, origin),
        Some(TlsError::InvalidMessage(_)) => Fault::new(
            Code::TlsProtocol,
            format!("{origin} does not speak TLS on this port."),
            "Check the port, and whether the server is reached by http instead of https.",
        ),
        Some(TlsError::AlertReceived(alert)) => Fault::new(
            Code::TlsProtocol,
            format!("{origin} ended the TLS handshake with the alert {alert:?}."),
            "The server may ask for a client certificate (--client-cert), or offer only TLS versions older than 1.2.",
        ),
        Some(other) => Fault::new(
            Code::TlsProtocol,
            format!("TLS with {origin} failed: {other}."),
            "The server may offer only TLS versions older than 1.2.",
        ),
        None if error.kind() == io::ErrorKind::UnexpectedEof => Fault::new(
            Code::TlsProtocol,
            format!("{origin} closed the connection during the TLS handshake."),
            "Check the port, and whether a proxy or firewall stands in between.",
        ),
        None => Fault::new(
            Code::TlsProtocol,
            format!("TLS with {origin} failed: {error}."),
            "Check the port, and whether a proxy or firewall stands in between.",
        ),
    }
}

fn certificate_fault(why: &CertificateError, origin: &Origin) -> Fault {
    let give_ca = "If this is right, give its certificate authority as a PEM file with --ca.";
    let (message, hint) = match why {
        CertificateError::ExpiredContext { not_after, .. } => (
            format!(
                "The certificate of {origin} expired on {}.",
                date(*not_after)
            ),
            "Renew it on the server.",
        ),
        CertificateError::Expired => (
            format!("The certificate of {origin} has expired."),
            "Renew it on the server.",
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            format!(
                "The certificate of {origin} is not valid before {}.",
                date(*not_before)
            ),
            "Check the clocks of this machine and of the server.",
        ),
        CertificateError::NotValidYet => (
            format!("The certificate of {origin} is not valid yet."),
            "Check the clocks of this machine and of the server.",
        ),
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => (
            format!(
                "The certificate of {origin} is for {}, not for {}.",
                named(presented),
                origin.host
            ),
            "Use the name that the certificate is for, or put the certificate right on the server.",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!(
                "The certificate of {origin} is not for the name {}.",
                origin.host
            ),
            "Use the name that the certificate is for, or put the certificate right on the server.",
        ),
        CertificateError::UnknownIssuer => (
            format!(
                "The certificate of {origin} was issued by an authority that is not trusted here."
            ),
            give_ca,
        ),
        CertificateError::Other(OtherError(cause)) if cause.is::<SelfSigned>() => (
            format!("The certificate of {origin} is self-signed, and not trusted here."),
            "If this is right, give the certificate itself as a PEM file with --ca.",
        ),
        CertificateError::Revoked => (
            format!("The certificate of {origin} was revoked."),
            "Renew it on the server.",
        ),
        other => (
            format!("The certificate of {origin} can't be used: {other}."),
            "Put the certificate right on the server.",
        ),
    };
    Fault::new(Code::TlsCertificate, message, hint)
}

/// Names on a certificate, the first few.
fn named(presented: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut names: Vec<&str> = presented.iter().take(SHOWN).map(String::as_str).collect();
    if presented.len() > SHOWN {
        names.push("others");
    }
    names.join(", ")
}

fn date(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(
            || "an unreadable date".to_owned(),
            |at| at.strftime("%Y-%m-%d").to_string(),
        )
}
