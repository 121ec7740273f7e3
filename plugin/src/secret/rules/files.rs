//! Secrets that are told by where they stand: private keys, URLs with passwords, files of credentials,
//! values that a name calls secret.

use super::Class::{Alnum, Crypt, Dotted, Padded, Word};
use super::Part::{Any, Lit, Run};
use super::Severity::{Critical, High, Low, Medium};
use super::{Check, Pattern, Rule};

type Vendor = (&'static str, &'static str);

const KEY: Vendor = (
    "Cryptography",
    "what its public half protects: machines, signatures, encrypted traffic",
);
const DATABASE: Vendor = ("Database", "the database or queue of that address");
const HTTP: Vendor = ("HTTP", "the service of that address");
const DOCKER: Vendor = ("Docker", "the registry of that entry, with its images");
const GENERIC: Vendor = ("Generic", "whatever it is used for");
const HASH: Vendor = (
    "Password file",
    "the account, once the password is guessed from its hash",
);

pub(super) static RULES: &[Rule] = &[
    Rule::new(
        "gcp-service-account-key",
        "Google service account key",
        (
            "Google",
            "the Google Cloud project with the rights of the service account",
        ),
        Critical,
        Pattern::ServiceAccount,
    ),
    Rule::new("private-key", "private key", KEY, High, Pattern::PrivateKey).keys(&["-----BEGIN "]),
    Rule::new(
        "private-key-locked",
        "private key with a password",
        KEY,
        Low,
        Pattern::LockedKey,
    ),
    Rule::token(
        "private-key-encoded",
        "private key (in base64)",
        KEY,
        High,
        &[Lit("LS0tLS1CRUdJTi"), Run(Padded, 100, 7000)],
    )
    .check(Check::EncodedPem),
    Rule::new(
        "putty-key",
        "PuTTY private key",
        KEY,
        High,
        Pattern::PrivateKey,
    )
    .keys(&["PuTTY-User-Key-File-"]),
    Rule::new(
        "database-url",
        "database URL with a password",
        DATABASE,
        High,
        Pattern::Url,
    )
    .keys(&[
        "postgres://",
        "postgresql://",
        "mysql://",
        "mariadb://",
        "mongodb://",
        "mongodb+srv://",
        "redis://",
        "rediss://",
        "amqp://",
        "amqps://",
        "clickhouse://",
        "mssql://",
        "sqlserver://",
        "postgresql+",
        "mysql+",
        "couchbase://",
        "neo4j://",
        "nats://",
    ]),
    Rule::new(
        "url-password",
        "URL with a password",
        HTTP,
        Medium,
        Pattern::Url,
    )
    .keys(&[
        "https://", "http://", "ftp://", "ftps://", "sftp://", "ssh://", "smtp://", "smtps://",
        "imaps://", "ldap://", "ldaps://",
    ]),
    Rule::new(
        "docker-auth",
        "registry credentials",
        DOCKER,
        High,
        Pattern::Basic,
    )
    .keys(&["\"auth\"", "_auth"]),
    Rule::new(
        "basic-header",
        "credentials in an Authorization header",
        HTTP,
        High,
        Pattern::Basic,
    )
    .keys(&["authorization: basic ", "authorization\": \"basic "]),
    Rule::token(
        "bearer-header",
        "token in an Authorization header",
        HTTP,
        Medium,
        &[Any("authorization: bearer "), Run(Dotted, 20, 1024)],
    )
    .entropy(350)
    .check(Check::Mixed)
    .own_files(),
    Rule::token(
        "bearer-header-json",
        "token in an Authorization header",
        HTTP,
        Medium,
        &[Any("authorization\": \"bearer "), Run(Dotted, 20, 1024)],
    )
    .entropy(350)
    .check(Check::Mixed)
    .own_files(),
    Rule::new(
        "pgpass",
        "PostgreSQL password file",
        DATABASE,
        High,
        Pattern::Pgpass,
    ),
    Rule::token(
        "htpasswd-apr1",
        "password hash",
        HASH,
        Low,
        &[
            Lit(":$apr1$"),
            Run(Crypt, 1, 8),
            Lit("$"),
            Run(Crypt, 22, 22),
        ],
    )
    .after(Word, 1, 64)
    .check(Check::InFile("htpasswd")),
    Rule::token(
        "htpasswd-bcrypt",
        "password hash",
        HASH,
        Low,
        &[Lit(":$2y$"), Run(Alnum, 2, 2), Lit("$"), Run(Crypt, 53, 53)],
    )
    .after(Word, 1, 64)
    .check(Check::InFile("htpasswd")),
    Rule::token(
        "htpasswd-sha",
        "password hash",
        HASH,
        Low,
        &[Lit(":{SHA}"), Run(Padded, 28, 28)],
    )
    .after(Word, 1, 64)
    .check(Check::InFile("htpasswd")),
    Rule::new("password", "password", GENERIC, Medium, Pattern::Assigned)
        .keys(&[
            "password",
            "passwd",
            "passphrase",
            "_pwd",
            "-pwd",
            "dbpwd",
            "_pass",
            "dbpass",
            "db.pass",
            "userpass",
            "pwd=",
            "password:",
            "redis_auth",
        ])
        .entropy(0),
    Rule::new(
        "secret",
        "secret key or token",
        GENERIC,
        Medium,
        Pattern::AssignedKey,
    )
    .keys(&[
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "api.key",
        "access_key",
        "accesskey",
        "access-key",
        "authkey",
        "auth_key",
        "private_key",
        "privatekey",
        "encryption_key",
        "encryptionkey",
        "signing_key",
        "signingkey",
        "master_key",
        "masterkey",
        "account_key",
        "accountkey",
        "app_key",
        "appkey",
        "service_key",
        "storagekey",
        "storage_key",
        "_license_key",
        "_auth",
        // Names that say the vendor and nothing else.
        "twilio",
        "datadog",
        "heroku",
        "cloudflare",
        "contribsys",
    ])
    .entropy(320),
];
