//! Files of a project's default branch.

use super::super::auth::{READ_FILES, caller, unauthorized};
use super::super::http::{Incoming, Reply, decoded};
use super::super::world::World;
use super::Routed;
use crate::image::digest_of;
use base64::Engine as _;
use serde_json::json;

pub(super) fn answer(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    match parts {
        ["projects", id, "repository", "files", path] => {
            Some(file(world, request, id, path, false))
        }
        ["projects", id, "repository", "files", path, "raw"] => {
            Some(file(world, request, id, path, true))
        }
        // A path that was not encoded is no route.
        _ => None,
    }
}

fn file(
    world: &World,
    request: &Incoming,
    segment: &str,
    path: &str,
    raw: bool,
) -> Result<Reply, Reply> {
    let caller = caller(world, request, &READ_FILES)?;
    let project = super::project(world, request, &caller, segment)?;
    let given = request.param("ref");
    if !raw && given.is_none() {
        return Err(Reply::error(400, "ref is missing, ref is empty"));
    }
    if given.is_some_and(|given| given.trim().is_empty()) {
        return Err(Reply::error(400, "ref is empty"));
    }
    if !world.organisation.reads_code(caller.user(), project) {
        // Those who are not signed in could be anybody.
        return Err(match caller.user() {
            Some(_) => Reply::message(403, "403 Forbidden"),
            None => unauthorized(),
        });
    }
    // An empty repository has no commit, whatever is asked for.
    let branch = project
        .default_branch
        .as_deref()
        .ok_or_else(|| super::hidden("Commit"))?;
    if given.is_some_and(|given| given != "HEAD" && given != branch) {
        return Err(super::hidden("Commit"));
    }
    let path = decoded(path);
    let bytes = project
        .files
        .get(&path)
        .ok_or_else(|| super::hidden("File"))?;
    let name = path.rsplit('/').next().unwrap_or("");
    let sha256 = digest_of(bytes).trim_start_matches("sha256:").to_owned();
    let short = sha256.get(..40).unwrap_or("").to_owned();
    if !raw {
        let body = json!({
            "file_name": name, "file_path": path, "size": bytes.len(), "encoding": "base64",
            "content": base64::engine::general_purpose::STANDARD.encode(bytes),
            "content_sha256": sha256, "ref": given, "blob_id": short, "commit_id": short,
            "last_commit_id": short, "execute_filemode": false,
        });
        return Ok(Reply::json(200, &body));
    }
    Ok(Reply::of(200, "text/plain; charset=utf-8", bytes.clone())
        .header("x-gitlab-blob-id", short.clone())
        .header("x-gitlab-commit-id", short.clone())
        .header("x-gitlab-last-commit-id", short)
        .header("x-gitlab-content-sha256", sha256)
        .header("x-gitlab-encoding", "base64")
        .header("x-gitlab-file-name", name)
        .header("x-gitlab-file-path", path.clone())
        .header("x-gitlab-ref", given.unwrap_or("HEAD"))
        .header("x-gitlab-size", bytes.len().to_string())
        .header("x-gitlab-execute-filemode", "false"))
}
