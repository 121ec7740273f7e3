//! Which files are read for secrets, and how they are written, by their path.
//!
//! A secret in a file of a package that anybody may download is none. So what distributions install, test
//! data, examples and the like are passed over, and in packages of languages only what has a form of its own
//! (a token with its prefix, a private key) counts.

use crate::catalog::File;

/// Largest file that is read. Text that people write is far smaller; what is larger is data.
pub(super) const MAX_FILE_BYTES: u64 = 4 << 20;
/// Largest file that is read when its name says that it holds secrets.
pub(super) const MAX_SECRET_FILE_BYTES: u64 = 32 << 20;

/// How a file writes names and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Data: the value may stand without quotes.
    Data,
    /// As [`Style::Data`], in a place that is meant for secrets: a weak one counts, too.
    Secret,
    /// As [`Style::Secret`], a blank parting name from value.
    Spaced,
    /// A program: a value has quotes.
    Code,
    /// A text for people.
    Prose,
}

impl Style {
    /// True when a value needs no quotes.
    pub(super) fn takes_bare(self) -> bool {
        matches!(self, Self::Data | Self::Secret | Self::Spaced)
    }
}

/// What is known of a text before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'f> {
    /// Key of the file; of a setting the name.
    pub(super) key: &'f str,
    /// How it is written.
    pub(super) style: Style,
    /// Part of a package that others published.
    pub(super) vendor: bool,
    /// `host:port:database:user:password`, line by line.
    pub(super) pgpass: bool,
}

/// Files whose names say that they hold secrets.
fn is_secret_name(key: &str, name: &str) -> bool {
    matches!(
        name,
        ".npmrc"
            | ".pypirc"
            | ".netrc"
            | "_netrc"
            | ".pgpass"
            | "pgpass.conf"
            | ".git-credentials"
            | ".my.cnf"
            | ".dockercfg"
            | ".dockerconfigjson"
            | ".htpasswd"
            | "htpasswd"
            | ".s3cfg"
            | ".boto"
            | ".vault-token"
            | "credentials"
            | "credentials.toml"
            | "kubeconfig"
            | "terraform.tfstate"
            | "terraform.tfvars"
            | "credentials.json"
            | ".env"
            | "nuget.config"
            | "NuGet.Config"
            | "id_rsa"
            | "id_dsa"
            | "id_ecdsa"
            | "id_ed25519"
            | ".yarnrc.yml"
            | "secrets.yml"
            | "secrets.yaml"
            | "secrets.json"
            | "wp-config.php"
            | "auth.json"
            | "msmtprc"
            | ".msmtprc"
            | ".gitlab-token"
    ) || name.starts_with(".env.")
        || name.ends_with(".env")
        || name.ends_with(".tfvars")
        || key.ends_with(".docker/config.json")
        || key.ends_with(".kube/config")
        || key.starts_with("run/secrets/")
}

/// Endings of what is no text, and of text without secrets: sums, locks, fonts, styles, translations.
fn is_other_kind(name: &str) -> bool {
    let Some((stem, end)) = name.rsplit_once('.') else {
        return matches!(
            name,
            "RECORD"
                | "md5sums"
                | "SHA256SUMS"
                | "MD5SUMS"
                | "LICENSE"
                | "COPYING"
                | "NOTICE"
                | "INSTALLER"
                | "WHEEL"
                | "top_level"
        );
    };
    let mut lower = [0_u8; 12];
    let Some(lower) = lower.get_mut(..end.len()) else {
        return false;
    };
    lower.copy_from_slice(end.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"png" | b"jpg" | b"jpeg" | b"gif" | b"ico" | b"webp" | b"bmp" | b"tif" | b"tiff"
        | b"svg" | b"svgz" | b"xpm" | b"css" | b"scss" | b"less" | b"woff" | b"woff2" | b"ttf"
        | b"otf" | b"eot" | b"afm" | b"pfb" | b"mp3" | b"mp4" | b"avi" | b"mov" | b"ogg"
        | b"wav" | b"flac" | b"webm" | b"pdf" | b"zip" | b"gz" | b"tgz" | b"bz2" | b"xz"
        | b"zst" | b"lz4" | b"7z" | b"rar" | b"tar" | b"jar" | b"war" | b"ear" | b"whl"
        | b"class" | b"pyc" | b"pyo" | b"so" | b"o" | b"a" | b"ko" | b"dll" | b"exe" | b"dylib"
        | b"bin" | b"db" | b"sqlite" | b"sqlite3" | b"mo" | b"gmo" | b"po" | b"pot" | b"map"
        | b"lock" | b"sum" | b"wasm" | b"node" | b"rlib" | b"rmeta" | b"pack" | b"idx" | b"deb"
        | b"rpm" | b"apk" | b"gem" | b"nupkg" | b"crt" | b"cer" | b"der" | b"p7b" | b"csr"
        | b"crl" | b"sig" | b"asc" | b"gpg" | b"md5" | b"sha1" | b"sha256" | b"sha512"
        | b"md5sums" | b"list" | b"symbols" | b"shlibs" | b"h" | b"hpp" | b"hxx" | b"inc"
        | b"elc" | b"rst" | b"tm" | b"dtd" | b"xsd" | b"xsl" | b"ent" | b"mod" | b"terminfo"
        | b"mime" | b"snap" | b"pyi" | b"pxd" | b"typed" | b"d" | b"pc" | b"la" | b"tcl"
        | b"enc" | b"ucm" | b"hwdb" | b"ids" | b"dic" | b"aff" | b"csv" | b"tsv" | b"parquet"
        | b"npy" | b"npz" | b"onnx" | b"pt" | b"safetensors" | b"pub" => true,
        b"js" => stem.ends_with(".min") || stem.ends_with("-min"),
        b"json" => matches!(stem, "package-lock" | "npm-shrinkwrap" | "composer.lock"),
        b"yaml" => stem == "pnpm-lock",
        b"ts" => stem.ends_with(".d"),
        _ => false,
    }
}

/// Folders, from the root, with nothing that the image's maker wrote.
const DISTRIBUTION: &[&str] = &[
    "proc/",
    "sys/",
    "dev/",
    "boot/",
    "lib/",
    "lib64/",
    "sbin/",
    "bin/",
    "usr/bin/",
    "usr/sbin/",
    "usr/include/",
    "usr/share/",
    "usr/lib/",
    "usr/lib64/",
    "usr/libexec/",
    "usr/src/",
    "usr/games/",
    "var/lib/dpkg/",
    "var/lib/apt/",
    "var/lib/rpm/",
    "var/lib/pacman/",
    "var/cache/apt/",
    "var/cache/apk/",
    "var/cache/dnf/",
    "var/cache/yum/",
    "var/cache/fontconfig/",
    "var/cache/man/",
    "etc/ssl/certs/",
    "etc/pki/",
    "etc/alternatives/",
    "etc/ca-certificates/",
    "usr/local/share/man/",
    "usr/local/include/",
    "usr/local/share/doc/",
];

/// What in those folders is somebody's own all the same: applications are put there, and keys.
const OWN: &[&str] = &[
    "usr/share/nginx/",
    "usr/share/app",
    "usr/share/tomcat",
    "usr/lib/app",
    "usr/src/app",
    "usr/share/elasticsearch/config/",
    "usr/share/logstash/config",
    "usr/share/logstash/pipeline",
    "etc/pki/tls/private/",
];

/// Parts of a path that say: this is for tests, or for people to read.
const ASIDE: &[&str] = &[
    "/test/",
    "/tests/",
    "/testdata/",
    "/test-data/",
    "/test_data/",
    "/testing/",
    "/__tests__/",
    "/__mocks__/",
    "/fixtures/",
    "/examples/",
    "/example/",
    "/samples/",
    "/sample/",
    "/.git/objects/",
    "/testcases/",
    "/test_certs/",
    "/testcerts/",
    "/man/man",
    "/locale/",
    "/locales/",
    "/zoneinfo/",
    "/mocks/",
];

/// Parts of a path that say: a package, or a language's own library.
const PACKAGES: &[&str] = &[
    "/node_modules/",
    "/site-packages/",
    "/dist-packages/",
    "/gems/",
    "/pkg/mod/",
    "/registry/src/",
    "index.crates.io-",
    "/.rustup/",
    "/rustup/toolchains/",
    "/lib/python",
    "/lib/ruby/",
    "/local/go/",
    "/lib/jvm/",
    "/.m2/",
    "/vendor/",
    "/bower_components/",
    "/lib/perl",
    "/share/perl",
    "/.nuget/",
    "/lib/php/",
    "/miniconda",
    "/conda/",
    "/.venv/",
    "/venv/",
    "/lib/R/",
    "/dotnet/",
    "/.nvm/",
    "/third_party/",
    "/php/composer/",
    "/lib/erlang/",
    "/.npm/_",
    "/.cache/",
    "/yarn-v",
    "/google-cloud-sdk/",
    "/aws-cli/",
    "/aws/dist/",
];

/// True when `key` (with a slash put before it) holds one of the parts.
fn holds(key: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| {
        key.contains(part)
            || part
                .strip_prefix('/')
                .is_some_and(|start| key.starts_with(start))
    })
}

/// True when a file may hold secrets that matter.
pub(super) fn wants(file: &File<'_>) -> bool {
    let (key, name) = (file.key, file.name);
    if file.size < 8 {
        return false;
    }
    // Copies of the distribution's own first: they are most of an image.
    if DISTRIBUTION.iter().any(|folder| key.starts_with(folder))
        && !OWN.iter().any(|folder| key.starts_with(folder))
        && !is_packaged(key)
    {
        return false;
    }
    if is_other_kind(name) {
        return false;
    }
    let secret = is_secret_name(key, name);
    let cap = if secret {
        MAX_SECRET_FILE_BYTES
    } else {
        MAX_FILE_BYTES
    };
    file.size <= cap && !holds(key, ASIDE) && !name.contains("snakeoil") && !is_for_people(name)
}

/// Global packages of Node and Python lie in the distribution's folders, and with them what somebody added.
fn is_packaged(key: &str) -> bool {
    key.starts_with("usr/lib/node_modules/")
        && !key.starts_with("usr/lib/node_modules/npm/")
        && !key.starts_with("usr/lib/node_modules/corepack/")
}

fn is_for_people(name: &str) -> bool {
    const STARTS: &[&str] = &[
        "README",
        "CHANGELOG",
        "CHANGES",
        "HISTORY",
        "LICENSE",
        "LICENCE",
        "AUTHORS",
        "CONTRIBUTING",
        "NEWS",
        "COPYRIGHT",
        "readme",
        "Changelog",
        "changelog",
    ];
    STARTS.iter().any(|start| name.starts_with(start))
        || name.contains(".example")
        || name.contains(".sample")
        || name.ends_with(".dist")
        || name.contains(".test.")
        || name.contains(".spec.")
        || name.contains("_test.")
}

/// How a file is written.
pub(super) fn of<'f>(file: &File<'f>) -> Place<'f> {
    let (key, name) = (file.key, file.name);
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let style = if matches!(name, ".netrc" | "_netrc" | "msmtprc" | ".msmtprc") {
        Style::Spaced
    } else if is_secret_name(key, name) {
        if name.ends_with(".php") {
            Style::Code
        } else {
            Style::Secret
        }
    } else {
        match end {
            "env" | "ini" | "cfg" | "conf" | "cnf" | "config" | "yaml" | "yml" | "json"
            | "toml" | "properties" | "xml" | "plist" | "tf" | "hcl" | "sh" | "bash" | "zsh"
            | "profile" | "rc" | "service" | "bat" | "cmd" | "jsonc" | "json5" | "settings"
            | "tfstate" => Style::Data,
            "md" | "txt" | "log" | "adoc" | "html" | "htm" | "markdown" | "tex" | "text" | "po" => {
                Style::Prose
            }
            "" => Style::Data,
            _ if name.rfind('.') == Some(0) => Style::Data,
            _ if name.starts_with("Dockerfile") || key.starts_with("etc/") => Style::Data,
            _ => Style::Code,
        }
    };
    Place {
        key,
        style,
        vendor: holds(key, PACKAGES)
            || (DISTRIBUTION.iter().any(|folder| key.starts_with(folder))
                && !OWN.iter().any(|folder| key.starts_with(folder))),
        pgpass: matches!(name, ".pgpass" | "pgpass.conf"),
    }
}
