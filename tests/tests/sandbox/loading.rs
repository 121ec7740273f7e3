//! What is loaded, what is refused, and what is compiled.

use super::*;

/// A component that imports empty interfaces of those names and exports nothing.
fn component_importing(names: &[&str]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // Type section: one instance type without declarations.
    bytes.extend([7, 3, 1, 0x42, 0]);
    let mut imports = vec![u8::try_from(names.len()).unwrap()];
    for name in names {
        imports.extend([0, u8::try_from(name.len()).unwrap()]);
        imports.extend(name.as_bytes());
        imports.extend([5, 0]);
    }
    bytes.push(10);
    bytes.push(u8::try_from(imports.len()).unwrap());
    bytes.extend(imports);
    bytes
}

async fn load_error(bytes: Vec<u8>) -> LoadError {
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    match sandbox.load_bytes(bytes).await {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_component_that_imports_sockets_is_refused_with_the_whole_list() {
    let bytes = component_importing(&[
        "wasi:sockets/tcp@0.2.12",
        "wasi:io/poll@0.2.12",
        "evil:root/shell@1.0.0",
    ]);
    let error = load_error(bytes).await;
    let LoadError::Imports { refused } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        refused,
        &["evil:root/shell@1.0.0", "wasi:sockets/tcp@0.2.12"]
    );
    assert!(
        error
            .to_string()
            .contains("evil:root/shell@1.0.0, wasi:sockets/tcp@0.2.12"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_connector_is_refused_in_words() {
    let cases: [(Vec<u8>, &str); 6] = [
        (b"\0asm\x01\0\0\0".to_vec(), "core WebAssembly module"),
        (b"#!/bin/sh\nrm -rf".to_vec(), "#!/bin/s"),
        (Vec::new(), "not a WebAssembly component"),
        (b"\0asm\x0d\0\x01\0\xff\xff\xff".to_vec(), "not valid"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "no connector"),
        (
            component_importing(&["wasi:io/poll@0.2.12"]),
            "no connector",
        ),
    ];
    for (bytes, expected) in cases {
        let message = load_error(bytes).await.to_string();
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[tokio::test]
async fn a_component_that_lies_about_the_contract_is_refused() {
    let real = std::fs::read(&*COMPONENT).unwrap();
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let mut bytes = real.clone();
        let mut position = 0;
        while let Some(at) = bytes[position..]
            .windows(from.len())
            .position(|w| w == from.as_bytes())
        {
            bytes[position + at..position + at + from.len()].copy_from_slice(to.as_bytes());
            position += at + from.len();
        }
        bytes
    };
    // A later version of the contract: this host says which it speaks.
    let error = load_error(replaced("connector@0.1.0", "connector@0.9.0")).await;
    assert!(
        matches!(&error, LoadError::ContractVersion { version } if version == "0.9.0"),
        "{error}"
    );
    assert!(
        error.to_string().contains("this host speaks 0.1.0"),
        "{error}"
    );
    // An interface of the contract that does not exist.
    let error = load_error(replaced(
        "ox:connector/cache@0.1.0",
        "ox:connector/bingo@0.1.0",
    ))
    .await;
    assert!(
        error.to_string().contains("ox:connector/bingo@0.1.0"),
        "{error}"
    );
}

#[tokio::test]
async fn an_oversized_file_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.wasm");
    let file = std::fs::File::create(&path).unwrap();
    // Sparse: takes no room, but would take hours to compile.
    file.set_len(64 << 30).unwrap();
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    let error = sandbox.load(&path).await.err().unwrap();
    assert!(
        matches!(error, LoadError::TooLarge { size, .. } if size == 64 << 30),
        "{error}"
    );
    assert!(
        error.to_string().contains("--limit component-bytes="),
        "{error}"
    );
    assert!(sandbox.load_bytes(vec![0; (32 << 20) + 1]).await.is_err());

    let missing = sandbox
        .load(&folder.path().join("none.wasm"))
        .await
        .err()
        .unwrap();
    assert!(missing.to_string().contains("none.wasm"), "{missing}");
}

#[tokio::test]
async fn a_component_that_needs_more_than_the_limits_is_refused_with_numbers() {
    let limits = Limits {
        memory: 1 << 20,
        ..Limits::default()
    };
    let sandbox = Sandbox::new(SandboxOptions {
        cache_dir: None,
        limits,
    })
    .unwrap();
    let error = sandbox.load(&COMPONENT).await.err().unwrap();
    assert!(
        matches!(
            error,
            LoadError::NeedsMore {
                limit: Limit::Memory,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_second_start_compiles_nothing_and_a_corrupted_entry_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let cache_dir = Some(folder.path().to_owned());
        let sandbox = Sandbox::new(SandboxOptions {
            cache_dir,
            limits: Limits::default(),
        })
        .unwrap();
        let loaded = sandbox.load(&COMPONENT).await.unwrap();
        let good = deed("good");
        loaded.scan(good.setup, request()).await.unwrap();
        (sandbox.compiled(), sandbox.reused())
    };
    assert_eq!(start().await, (1, 0));
    assert_eq!(start().await, (0, 1));
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "cwasm")
        {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x40;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(start().await, (1, 0));
    assert_eq!(start().await, (0, 1));
}

#[tokio::test]
async fn a_loaded_connector_says_what_it_is() {
    let loaded = hostile().await;
    assert_eq!(loaded.manifest().id, "hostile");
    assert_eq!(loaded.contract_version(), "0.1.0");
    assert!(loaded.digest().starts_with("sha256:") && loaded.digest().len() == 71);
    assert_eq!(loaded.size(), std::fs::metadata(&*COMPONENT).unwrap().len());
    assert!(
        loaded
            .imports()
            .iter()
            .any(|name| name.starts_with("wasi:http/outgoing-handler@"))
    );
    assert!(
        !loaded
            .imports()
            .iter()
            .any(|name| name.starts_with("wasi:sockets"))
    );
    assert_eq!(loaded.exports(), ["ox:connector/connector@0.1.0"]);
}
