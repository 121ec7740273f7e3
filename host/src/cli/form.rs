//! The connector's form, filled in by flags: `--url`, the token, `--set key=value`, and names for what most
//! people change.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::errors::{CliError, CliResult};
use super::token::TokenFlags;
use crate::contract::{Field, FieldKind, Manifest};
use crate::host::{ConnectionDraft, NetworkOptions, SecretString};

/// Bytes of a file with certificates.
const MAX_PEM_BYTES: u64 = 1 << 20;

/// Everything that makes a draft of a connection.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FormFlags {
    /// Address of the account (`https://gitlab.com`, `gitlab.example.com/gitlab`)
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) token: TokenFlags,

    /// Scan only tags that match (repeatable)
    #[arg(long, value_name = "PATTERN", help_heading = "What is scanned")]
    tags_include: Vec<String>,
    /// Leave out tags that match (repeatable)
    #[arg(long, value_name = "PATTERN", help_heading = "What is scanned")]
    tags_exclude: Vec<String>,
    /// Scan only the newest N tags of a repository
    #[arg(long, value_name = "N", help_heading = "What is scanned")]
    newest_tags: Option<u32>,
    /// Scan only tags that are at most this old
    #[arg(long, value_name = "DAYS", help_heading = "What is scanned")]
    max_age_days: Option<u32>,
    /// Scan only this platform (`linux/amd64`; repeatable)
    #[arg(long, value_name = "OS/ARCH", help_heading = "What is scanned")]
    platform: Vec<String>,
    /// Any other field of the connector's form; `plugin inspect` lists them (repeatable)
    #[arg(long, value_name = "KEY=VALUE", help_heading = "What is scanned")]
    set: Vec<String>,

    /// Trust these certificates (PEM) besides the system's (repeatable)
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    ca: Vec<PathBuf>,
    /// Show this client certificate (PEM, with its key unless --client-key is given)
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    client_cert: Option<PathBuf>,
    /// Key of the client certificate (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "client_cert",
        help_heading = "Network"
    )]
    client_key: Option<PathBuf>,
    /// Send requests through this proxy (`http://host:port`)
    #[arg(long, value_name = "URL", help_heading = "Network")]
    proxy: Option<String>,
    /// Allow requests to this origin too (`https://storage.example.com`; repeatable)
    #[arg(long, value_name = "ORIGIN", help_heading = "Network")]
    allow: Vec<String>,
    /// Do NOT verify certificates
    #[arg(long, help_heading = "Network")]
    insecure_tls: bool,
}

impl FormFlags {
    /// The draft for this connector.
    pub(crate) fn draft(
        &self,
        manifest: &Manifest,
        name: Option<String>,
        token: SecretString,
    ) -> CliResult<ConnectionDraft> {
        let secret = manifest
            .fields
            .iter()
            .find(|field| field.kind == FieldKind::Secret);
        let secrets = secret
            .map(|field| (field.key.clone(), token))
            .into_iter()
            .collect();
        Ok(ConnectionDraft {
            connector: manifest.id.clone(),
            name,
            settings: self.settings(manifest)?,
            secrets,
            network: self.network()?,
        })
    }

    /// Whether no flag of the form was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.url.is_none()
            && self.token.is_empty()
            && self.tags_include.is_empty()
            && self.tags_exclude.is_empty()
            && self.newest_tags.is_none()
            && self.max_age_days.is_none()
            && self.platform.is_empty()
            && self.set.is_empty()
            && self.ca.is_empty()
            && self.client_cert.is_none()
            && self.proxy.is_none()
            && self.allow.is_empty()
            && !self.insecure_tls
    }

    /// Whether `--set` may hold the address; the manifest decides later.
    pub(crate) fn sets_url(&self) -> bool {
        !self.set.is_empty()
    }

    fn settings(&self, manifest: &Manifest) -> CliResult<Vec<(String, String)>> {
        let mut settings: Vec<(String, String)> = Vec::new();
        if let Some(url) = &self.url {
            let field = manifest
                .fields
                .iter()
                .find(|field| field.kind == FieldKind::Url);
            let field = field.ok_or_else(|| unknown(manifest, "url"))?;
            settings.push((field.key.clone(), without_credentials(url)?.to_owned()));
        }
        let number =
            |value: Option<u32>| value.map(|value| value.to_string()).into_iter().collect();
        let named: [(&str, Vec<String>); 5] = [
            ("tags-include", self.tags_include.clone()),
            ("tags-exclude", self.tags_exclude.clone()),
            ("newest-tags", number(self.newest_tags)),
            ("max-age-days", number(self.max_age_days)),
            ("platforms", self.platform.clone()),
        ];
        for (key, values) in named {
            if !values.is_empty() {
                let field = field(manifest, key)?;
                settings.push((field.key.clone(), values.join("\n")));
            }
        }
        for assignment in &self.set {
            let Some((key, value)) = assignment.split_once('=') else {
                return Err(CliError::usage(
                    "what follows --set is not KEY=VALUE",
                    "write for example --set newest-tags=5",
                ));
            };
            let field = field(manifest, key)?;
            if field.kind == FieldKind::Secret {
                return Err(CliError::usage(
                    format!("{key} is a secret: it can't be given with --set"),
                    "use --token-stdin, --token-file FILE or --token-env VAR",
                ));
            }
            let value = match field.kind {
                FieldKind::Url => without_credentials(value)?,
                _ => value,
            };
            match settings.iter_mut().find(|(known, _)| *known == field.key) {
                Some((_, earlier)) if field.kind == FieldKind::Patterns => {
                    earlier.push('\n');
                    earlier.push_str(value);
                }
                Some(_) => {
                    return Err(CliError::usage(
                        format!("{key} is given twice"),
                        "give it once",
                    ));
                }
                None => settings.push((field.key.clone(), value.to_owned())),
            }
        }
        Ok(settings)
    }

    fn network(&self) -> CliResult<NetworkOptions> {
        let mut ca_pem = Vec::new();
        for path in &self.ca {
            ca_pem.push(pem(path, &["CERTIFICATE"])?);
        }
        let client_pem = match (&self.client_cert, &self.client_key) {
            (Some(both), None) => Some(pem(both, &["CERTIFICATE", "PRIVATE KEY"])?),
            (Some(chain), Some(key)) => {
                let chain = pem(chain, &["CERTIFICATE"])?;
                Some(format!(
                    "{}\n{}",
                    chain.trim_end(),
                    pem(key, &["PRIVATE KEY"])?
                ))
            }
            (None, _) => None,
        };
        let allow = self
            .allow
            .iter()
            .map(|given| origin(given))
            .collect::<CliResult<_>>()?;
        Ok(NetworkOptions {
            ca_pem,
            client_pem,
            proxy: self.proxy.clone(),
            allow,
            insecure_tls: self.insecure_tls,
        })
    }
}

fn field<'a>(manifest: &'a Manifest, key: &str) -> CliResult<&'a Field> {
    let same = |known: &str| known.replace('_', "-") == key.replace('_', "-");
    manifest
        .fields
        .iter()
        .find(|field| same(&field.key))
        .ok_or_else(|| unknown(manifest, key))
}

fn unknown(manifest: &Manifest, key: &str) -> CliError {
    let keys: Vec<_> = manifest
        .fields
        .iter()
        .filter(|field| field.kind != FieldKind::Secret)
        .map(|field| field.key.as_str())
        .collect();
    CliError::usage(
        format!("the form of {} has no field {key:?}", manifest.id),
        format!("its fields are {}", keys.join(", ")),
    )
}

/// Refuses an address with a user name or password in it: it would be stored and shown as an address.
fn without_credentials(url: &str) -> CliResult<&str> {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or(authority);
    if authority.contains('@') {
        return Err(CliError::usage(
            "the address has a user name or a password in it",
            "give the address alone; the token comes from --token-stdin, --token-file or --token-env",
        ));
    }
    Ok(url)
}

fn origin(given: &str) -> CliResult<String> {
    let wrong = || {
        CliError::usage(
            format!(
                "{:?} is not an origin",
                crate::report::text::without_userinfo(given)
            ),
            "write scheme, host and port alone: --allow https://storage.example.com:9000",
        )
    };
    let url = url::Url::parse(given).map_err(|_| wrong())?;
    let alone = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !alone {
        return Err(wrong());
    }
    Ok(url.origin().ascii_serialization())
}

fn pem(path: &Path, kinds: &[&str]) -> CliResult<String> {
    let shown = path.display();
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_PEM_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| {
            CliError::settings(
                format!("{shown} could not be read: {error}"),
                "give a PEM file",
            )
        })?;
    if text.len() as u64 > MAX_PEM_BYTES {
        return Err(CliError::settings(
            format!("{shown} is larger than 1 MiB"),
            "give a PEM file",
        ));
    }
    for kind in kinds {
        let found = text
            .lines()
            .any(|line| line.starts_with("-----BEGIN ") && line.contains(kind));
        if !found {
            return Err(CliError::settings(
                format!("{shown} holds no {}", kind.to_lowercase()),
                format!("it must be PEM text with a line -----BEGIN {kind}-----"),
            ));
        }
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;
    use crate::report::samples;

    fn set(values: &[&str]) -> FormFlags {
        FormFlags {
            set: values.iter().map(ToString::to_string).collect(),
            ..FormFlags::default()
        }
    }

    #[test]
    fn flags_become_the_fields_of_the_form() {
        let flags = FormFlags {
            url: Some("gitlab.example.com".to_owned()),
            tags_include: vec!["v*".to_owned(), "latest".to_owned()],
            newest_tags: Some(5),
            set: vec!["plain_http=true".to_owned()],
            ..FormFlags::default()
        };
        let pairs = flags.settings(&samples::manifest()).unwrap();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("url", "gitlab.example.com"),
                ("tags-include", "v*\nlatest"),
                ("newest-tags", "5"),
                ("plain-http", "true"),
            ]
        );
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_list() {
        let error = set(&["colour=red"])
            .settings(&samples::manifest())
            .unwrap_err();
        assert!(error.message.contains("colour") && error.hint.contains("newest-tags"));
        assert!(!error.hint.contains("token"));
    }

    #[test]
    fn a_secret_is_not_taken_from_the_command_line_in_any_way() {
        let manifest = samples::manifest();
        let error = set(&["token=glpat-abcdefgh123"])
            .settings(&manifest)
            .unwrap_err();
        assert!(!format!("{error:?}").contains("glpat-abcdefgh123"));
        for url in [
            "https://me:hunter22@host/x",
            "hunter22@host",
            "https://hunter22@host?x",
        ] {
            let flags = FormFlags {
                url: Some(url.to_owned()),
                ..FormFlags::default()
            };
            let error = flags.settings(&manifest).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter22"));
        }
    }

    #[test]
    fn patterns_add_up_and_other_fields_are_given_once() {
        let manifest = samples::manifest();
        let two = set(&["tags-include=a", "tags-include=b"])
            .settings(&manifest)
            .unwrap();
        assert_eq!(two, [("tags-include".to_owned(), "a\nb".to_owned())]);
        assert!(
            set(&["newest-tags=1", "newest-tags=2"])
                .settings(&manifest)
                .is_err()
        );
    }

    #[test]
    fn an_origin_is_an_origin() {
        assert_eq!(
            origin("https://MinIO.internal:443/").unwrap(),
            "https://minio.internal"
        );
        for bad in [
            "minio",
            "ftp://x",
            "https://x/y",
            "https://u:p@x",
            "https://x?y",
            "file:///etc",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_certificate_file_that_is_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let flags = FormFlags {
            ca: vec![path.clone()],
            ..FormFlags::default()
        };
        assert_eq!(flags.network().unwrap_err().exit, Exit::Settings);
        std::fs::write(&path, "nonsense").unwrap();
        assert!(
            flags
                .network()
                .unwrap_err()
                .message
                .contains("holds no certificate")
        );
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert_eq!(flags.network().unwrap().ca_pem.len(), 1);
        let client = FormFlags {
            client_cert: Some(path),
            ..FormFlags::default()
        };
        assert!(
            client
                .network()
                .unwrap_err()
                .message
                .contains("private key")
        );
    }
}
