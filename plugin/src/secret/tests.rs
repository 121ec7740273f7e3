#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::path::Path;

use super::*;

/// Reads real folders: `SECRET_ROOTS=/a:/b`. Says what it finds; nothing is asserted.
#[test]
fn real_folders_are_read() {
    let Ok(roots) = std::env::var("SECRET_ROOTS") else {
        println!("skipped: SECRET_ROOTS names no folders");
        return;
    };
    let show = std::env::var("SECRET_SHOW").is_ok();
    for root in roots.split(':') {
        let root = Path::new(root);
        let (mut files, mut wanted, mut bytes, mut hits) = (0_u64, 0_u64, 0_u64, 0);
        let start = std::time::Instant::now();
        let mut todo = vec![root.to_path_buf()];
        while let Some(folder) = todo.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                let path = entry.path();
                if kind.is_dir() {
                    let skip = ["proc", "sys", "dev"];
                    if !(root == Path::new("/") && skip.iter().any(|name| path == root.join(name)))
                    {
                        todo.push(path);
                    }
                    continue;
                }
                if !kind.is_file() {
                    continue;
                }
                files += 1;
                let key = match std::env::var("SECRET_PREFIX") {
                    Ok(prefix) => {
                        format!("{prefix}/{}", path.strip_prefix(root).unwrap().display())
                    }
                    Err(_) => path.strip_prefix(root).unwrap().display().to_string(),
                };
                let size = entry.metadata().map_or(0, |data| data.len());
                let file = File {
                    size,
                    ..File::of_path(&key)
                };
                if !wants(&file) {
                    continue;
                }
                let Ok(data) = std::fs::read(&path) else {
                    continue;
                };
                if !recognises(&data[..data.len().min(512)]) {
                    continue;
                }
                wanted += 1;
                bytes += data.len() as u64;
                let mut found = Vec::new();
                read(&file, &mut &data[..], &mut found).unwrap();
                hits += found.len();
                for hit in found {
                    let line = if show {
                        let text = String::from_utf8_lossy(&data);
                        let line = text
                            .lines()
                            .nth(hit.line.saturating_sub(1) as usize)
                            .unwrap_or_default();
                        line.chars().take(200).collect::<String>()
                    } else {
                        String::new()
                    };
                    println!("{} {key}:{} {} {line}", hit.rule, hit.line, hit.masked);
                }
            }
        }
        println!(
            "{}: {files} files, {wanted} read ({bytes} bytes), {hits} hits, {:?}",
            root.display(),
            start.elapsed()
        );
    }
}

#[test]
#[ignore = "measures"]
fn speed() {
    let mut text = Vec::new();
    let mut todo = vec![
        std::path::PathBuf::from("/usr/lib/python3.11"),
        "/usr/share/perl".into(),
        "/usr/share/doc".into(),
    ];
    while let Some(folder) = todo.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
                continue;
            }
            if let Ok(data) = std::fs::read(&path)
                && !data.contains(&0)
                && text.len() < 64 << 20
            {
                text.extend(data);
            }
        }
    }
    for name in ["app/a.txt", "app/a.py", "app/a.yaml"] {
        let file = File {
            size: text.len() as u64,
            ..File::of_path(name)
        };
        for _ in 0..3 {
            let mut hits = Vec::new();
            let start = std::time::Instant::now();
            let place = places::of(&file);
            let mut matches = Matches::default();
            scan::stream(&mut &text[..], file.size, &place, &mut matches).unwrap();
            hits.extend(matches.into_hits());
            let time = start.elapsed().as_secs_f64();
            println!(
                "{name}: {} bytes, {} hits, {:.0} MB/s",
                text.len(),
                hits.len(),
                text.len() as f64 / time / 1e6
            );
        }
    }
}
