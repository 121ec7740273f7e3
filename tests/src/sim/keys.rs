//! The simulator's keys: the one that signs JWTs (with the certificate that a real registry is told to
//! trust), the authority behind TLS, and the secret of signed storage addresses.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

pub(crate) struct Keys {
    signer: EcdsaKeyPair,
    certificate_pem: String,
    certificate_base64: String,
    key_id: String,
    pub(crate) authority_pem: String,
    server_chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    server_key: Vec<u8>,
}

impl Keys {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let key = rcgen::KeyPair::generate()?;
        let mut params = rcgen::CertificateParams::new(Vec::new())?;
        params.distinguished_name = named("gitlab-issuer");
        let certificate = params.self_signed(&key)?;
        let signer = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            key.serialized_der(),
            &SystemRandom::new(),
        )
        .map_err(|_| anyhow::anyhow!("the new signing key is refused"))?;

        let authority_key = rcgen::KeyPair::generate()?;
        let mut authority = rcgen::CertificateParams::new(Vec::new())?;
        authority.distinguished_name = named("Simulated authority");
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let server_key = rcgen::KeyPair::generate()?;
        let names = [
            "localhost",
            "127.0.0.1",
            "gitlab.test",
            "registry.gitlab.test",
        ];
        let mut server = rcgen::CertificateParams::new(names.map(str::to_owned).to_vec())?;
        server.distinguished_name = named("Simulated GitLab");
        let server_certificate = server.signed_by(&server_key, &issuer)?;
        Ok(Self {
            signer,
            certificate_pem: certificate.pem(),
            certificate_base64: STANDARD.encode(certificate.der()),
            key_id: key_id(&spki(key.public_key_raw())),
            authority_pem: authority_certificate.pem(),
            server_chain: vec![
                server_certificate.der().clone(),
                authority_certificate.der().clone(),
            ],
            server_key: server_key.serialize_der(),
        })
    }

    /// What a registry's `auth.token.rootcertbundle` has to hold.
    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A signed JWT.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({
            "typ": "JWT", "alg": "ES256", "kid": self.key_id, "x5c": [self.certificate_base64],
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let signature = self.signer.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature
            .map(|s| URL_SAFE_NO_PAD.encode(s))
            .unwrap_or_default();
        format!("{text}.{signature}")
    }

    /// The claims of a JWT that this key signed.
    pub(crate) fn claims(&self, jwt: &str) -> Option<Value> {
        let (text, signature) = jwt.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.get("alg")?.as_str()? != "ES256" {
            return None;
        }
        let public = self.signer.public_key().as_ref();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
            .verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// What the TLS listeners serve.
    pub(crate) fn tls(&self) -> anyhow::Result<rustls::ServerConfig> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(self.server_key.clone());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("no TLS versions")?
            .with_no_client_auth()
            .with_single_cert(self.server_chain.clone(), key.into())
            .context("the new certificate is refused")?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn named(name: &str) -> rcgen::DistinguishedName {
    let mut names = rcgen::DistinguishedName::new();
    names.push(rcgen::DnType::CommonName, name);
    names
}

/// The DER `SubjectPublicKeyInfo` of a P-256 key.
fn spki(point: &[u8]) -> Vec<u8> {
    const PREFIX: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    [PREFIX.as_slice(), point].concat()
}

/// The key identifier that Docker's registry computes: the first 240 bits of the SHA-256, base32, in groups
/// of four.
fn key_id(spki: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = ring::digest::digest(&ring::digest::SHA256, spki);
    let mut out = String::new();
    for five in hash.as_ref().chunks(5).take(6) {
        let bits = five
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            if out.len() % 5 == 4 {
                out.push(':');
            }
            let letter = usize::try_from(bits >> (place * 5) & 31).unwrap_or(0);
            out.push(
                LETTERS
                    .get(letter)
                    .map_or('A', |letter| char::from(*letter)),
            );
        }
    }
    out
}
