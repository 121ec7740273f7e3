//! Paths that formats have, and small good files to begin with. A new cataloguer is fuzzed without a line
//! here when it has fixed places or a path among these is one that it wants.

use std::io::Write;

use gitlab_registry_connector::catalog::{Cataloguer, File};

/// Paths of all sorts. The first that a cataloguer wants are its own.
const PATHS: &[&str] = &[
    "usr/bin/app",
    "usr/lib/debug/app.exe",
    "etc/os-release",
    "usr/lib/os-release",
    "var/lib/dpkg/status.d/base",
    "var/lib/dpkg/info/base.list",
    "var/lib/dpkg/info/base.md5sums",
    "usr/share/doc/base/copyright",
    "lib/apk/db/installed",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "var/lib/rpmmanifest/container-manifest-2",
    "var/lib/pacman/local/bash-5.2-1/desc",
    "var/lib/pacman/local/bash-5.2-1/files",
    "usr/lib/opkg/info/busybox.control",
    "usr/lib/opkg/info/busybox.list",
    "var/lib/opkg/info/busybox.control",
    "var/lib/opkg/info/busybox.list",
    "var/db/pkg/app-shells/bash-5.2/PF",
    "opt/bitnami/app/.spdx-app.spdx",
    "opt/app/bom.cdx.json",
    "opt/app/app.spdx.json",
    "usr/lib/python3/site-packages/six-1.16.0.dist-info/METADATA",
    "usr/lib/python3/site-packages/six-1.16.0.egg-info/PKG-INFO",
    "usr/lib/python3/site-packages/six.egg-info",
    "opt/conda/conda-meta/six-1.16.0-0.json",
    "app/requirements.txt",
    "app/Pipfile.lock",
    "app/poetry.lock",
    "app/uv.lock",
    "app/node_modules/left-pad/package.json",
    "app/package-lock.json",
    "app/node_modules/.package-lock.json",
    "app/yarn.lock",
    "app/pnpm-lock.yaml",
    "app/bun.lock",
    "usr/lib/ruby/gems/3.1.0/specifications/rake-13.0.6.gemspec",
    "app/Gemfile.lock",
    "app/vendor/composer/installed.json",
    "app/composer.lock",
    "app/app.deps.json",
    "app/packages.lock.json",
    "app/app.jar",
    "app/app.war",
    "usr/share/java/app.jar",
    "app/Cargo.lock",
    "app/go.mod",
    "app/mix.lock",
    "app/pubspec.lock",
    "app/Manifest.toml",
    "app/renv.lock",
    "usr/lib/R/library/cli/DESCRIPTION",
    "usr/lib/R/site-library/cli/DESCRIPTION",
    "usr/share/perl5/Foo/META.json",
    "root/.ssh/id_rsa",
    "root/.aws/credentials",
    "root/.docker/config.json",
    "root/.npmrc",
    "root/.netrc",
    "app/.env",
    "app/config.yml",
    "app/settings.py",
    "etc/shadow",
];

/// A file at a path, as it is offered.
pub fn file(key: &str, size: usize) -> File<'_> {
    File {
        size: size as u64,
        mode: 0o755,
        ..File::of_path(key)
    }
}

/// Paths that a cataloguer wants.
pub fn paths(of: &dyn Cataloguer) -> Vec<String> {
    // What it says it reads, each pattern with a name in it.
    let about = of.about();
    let told = about.reads.split(", ").map(|pattern| {
        pattern
            .replace("**/", "x/")
            .replace('*', "x-1.0")
            .trim_start_matches('/')
            .to_owned()
    });
    let mut paths: Vec<String> = of
        .places()
        .iter()
        .chain(PATHS)
        .map(|path| (*path).to_owned())
        .chain(told)
        .filter(|path| of.wants(&file(path, 1000)))
        .collect();
    let mut seen = std::collections::HashSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    paths.truncate(32);
    paths
}

/// Paths that hold of any kind: for archives, and secrets.
pub fn all_paths() -> &'static [&'static str] {
    PATHS
}

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).expect("memory");
    encoder.finish().expect("memory")
}

/// A Go program that holds the packages of a Rust one.
fn program() -> Vec<u8> {
    let begin = 0x3077_af0c_9274_0802_41e1_c107_e6d6_18e6_u128.to_be_bytes();
    let end = 0xf932_4331_8618_2072_0082_4210_4116_d8f2_u128.to_be_bytes();
    let modules: &[u8] = b"path\ta.org/b\nmod\ta.org/b\t(devel)\t\ndep\ta.org/c\tv1.0.0\th1:x=\n=>\t./c\t(devel)\t\nbuild\tGOOS=linux\n";
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(512, 0);
    out.extend(b"\xff Go buildinf:\x08\x02");
    out.resize(512 + 32, 0);
    out.push(8);
    out.extend(b"go1.22.3");
    out.push(modules.len() as u8 + 32);
    out.extend([&begin[..], modules, &end].concat());
    out.extend(deflated(
        br#"{"packages":[{"name":"a","version":"1.0.0","source":"crates.io","root":true}]}"#,
    ));
    out
}

/// A zip archive of stored members.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, contents) in members {
        let mut crc = flate2::Crc::new();
        crc.update(contents);
        let mut common = Vec::new();
        common.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
        common.extend(crc.sum().to_le_bytes());
        common.extend((contents.len() as u32).to_le_bytes());
        common.extend((contents.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*contents);
    }
    let start = out.len() as u32;
    let count = (members.len() as u16).to_le_bytes();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, count].concat());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// Small good files of many formats.
pub fn contents() -> Vec<Vec<u8>> {
    let texts: &[&[u8]] = &[
        b"Package: bash\nStatus: install ok installed\nArchitecture: amd64\nSource: bash (5.2-1)\nVersion: 5.2-1+b1\n\n",
        b"P:musl\nV:1.2.4-r1\nA:x86_64\no:musl\nL:MIT\nF:lib\nR:ld-musl-x86_64.so.1\n\n",
        b"ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='Debian 12'\n",
        b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: Expat\n",
        b"Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\nLicense: MIT\nClassifier: License :: OSI Approved :: MIT License\n\n",
        br#"{"name":"left-pad","version":"1.3.0","license":"MIT","packages":[{"name":"a/b","version":"v1.0","license":["MIT"]}],"dependencies":{"a":"1"}}"#,
        br#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0","dev":true}}}"#,
        br#"{"runtimeTarget":{"name":".NETCoreApp,Version=v8.0"},"libraries":{"A/1.0.0":{"type":"package"}},"targets":{}}"#,
        b"Gem::Specification.new do |s|\n  s.name = \"rake\".freeze\n  s.version = \"13.0.6\"\n  s.licenses = [\"MIT\".freeze]\nend\n",
        b"%NAME%\nbash\n\n%VERSION%\n5.2-1\n\n%LICENSE%\nGPL\n\n",
        b"[[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = \"registry\"\n",
        b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----\n",
        b"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYAA\npassword: \"hunter2hunter2\"\n",
        br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1"}]}"#,
        br#"{"spdxVersion":"SPDX-2.3","packages":[{"name":"a","versionInfo":"1","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]}]}"#,
        b"SQLite format 3\0\x10\x00\x01\x01\0\x40\x20\x20\0\0\0\x01\0\0\0\x01",
        b"/.\n/usr\n/usr/bin\n/usr/bin/bash\n",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    all.push(program());
    let inner = zip(&[(
        "META-INF/maven/g/a/pom.properties",
        b"groupId=g\nartifactId=a\nversion=1\n",
    )]);
    all.push(zip(&[
        (
            "META-INF/MANIFEST.MF",
            b"Manifest-Version: 1.0\r\nImplementation-Title: app\r\nImplementation-Version: 1.0\r\n",
        ),
        ("BOOT-INF/lib/a-1.jar", &inner),
    ]));
    all.push(inner);
    all
}
