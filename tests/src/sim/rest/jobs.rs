//! Pipelines, jobs and their artifacts.

use super::super::auth::Caller;
use super::super::http::{Incoming, Reply, decoded};
use super::super::modes::Edition;
use super::super::organisation::{Job, Project, stamp};
use super::super::paging;
use super::super::params;
use super::super::people::level;
use super::super::world::World;
use super::{Routed, hidden, reader};
use bytes::Bytes;
use serde_json::{Value, json};

/// What a job's identifier plus this is: its pipeline's.
const PIPELINE: u64 = 10_000;

pub(super) fn answer(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    let ["projects", id, rest @ ..] = parts else {
        return None;
    };
    let answer = || {
        let caller = reader(world, request)?;
        let project = super::project(world, request, &caller, id)?;
        allowed(world, &caller, project)?;
        Ok((caller, project))
    };
    let found = |make: &dyn Fn(&Project) -> Result<Reply, Reply>| {
        Some(answer().and_then(|(_, project)| make(project)))
    };
    match rest {
        ["jobs"] => found(&|project| jobs(world, request, project, None)),
        ["jobs", job] => found(&|p| Ok(Reply::json(200, &entity(world, p, one(p, job)?)))),
        ["jobs", "artifacts", branch, "raw", path @ ..] => {
            found(&|p| raw_of_branch(request, p, branch, path))
        }
        ["jobs", "artifacts", branch, "download"] => found(&|p| {
            let job = newest(request, p, branch)?;
            archive(job)
        }),
        ["jobs", job, "artifacts"] => found(&|p| archive(one(p, job)?)),
        ["jobs", job, "artifacts", path @ ..] => found(&|p| member(one(p, job)?, path)),
        ["pipelines"] => found(&|project| pipelines(world, request, project)),
        ["pipelines", "latest"] => None,
        ["pipelines", pipeline, "jobs"] => {
            found(&|project| jobs(world, request, project, Some(pipeline)))
        }
        _ => None,
    }
}

fn allowed(world: &World, caller: &Caller, project: &Project) -> Result<(), Reply> {
    let private = project.visibility.as_str() == "private";
    let level = world.organisation.project_level(caller.user(), project);
    if private && level < level::REPORTER {
        return Err(Reply::message(403, "403 Forbidden"));
    }
    Ok(())
}

fn one<'a>(project: &'a Project, id: &str) -> Result<&'a Job, Reply> {
    let found = project.jobs.iter().find(|job| job.id.to_string() == id);
    found.ok_or_else(|| Reply::message(404, "404 Not found"))
}

fn pipeline_entity(world: &World, project: &Project, job: &Job) -> Value {
    json!({
        "id": job.id + PIPELINE, "iid": job.id, "project_id": project.id, "ref": job.git_ref,
        "sha": format!("{:040x}", job.id), "status": "success", "source": "push",
        "created_at": stamp(job.id), "updated_at": stamp(job.id + 5),
        "web_url": format!("{}/{}/-/pipelines/{}", world.url(), project.full_path, job.id + PIPELINE),
    })
}

fn entity(world: &World, project: &Project, job: &Job) -> Value {
    let mut artifacts: Vec<Value> = Vec::new();
    let mut archive_size = None;
    if !job.expired {
        for (kind, file) in &job.reports {
            let size = job.files.get(file).map_or(1_000, Bytes::len);
            artifacts.push(json!({ "file_type": kind, "size": size, "filename": file,
                                   "file_format": "raw" }));
        }
        if !job.files.is_empty() {
            let size = zip(job).len();
            archive_size = Some(size);
            artifacts.insert(
                0,
                json!({ "file_type": "archive", "size": size, "filename": "artifacts.zip",
                        "file_format": "zip" }),
            );
        }
    }
    let mut value = json!({
        "id": job.id, "name": job.name, "stage": "test", "status": job.status, "ref": job.git_ref,
        "tag": false, "allow_failure": true, "created_at": stamp(job.id), "started_at": stamp(job.id + 1),
        "finished_at": stamp(job.id + 2), "duration": 60.0, "queued_duration": 1.0,
        "web_url": format!("{}/{}/-/jobs/{}", world.url(), project.full_path, job.id),
        "commit": { "id": format!("{:040x}", job.id), "short_id": format!("{:08x}", job.id),
                    "title": "Build" },
        "pipeline": pipeline_entity(world, project, job), "artifacts": artifacts,
        "artifacts_expire_at": null,
    });
    if let (Some(size), Some(map)) = (archive_size, value.as_object_mut()) {
        map.insert(
            "artifacts_file".to_owned(),
            json!({ "filename": "artifacts.zip", "size": size }),
        );
    }
    value
}

fn jobs(
    world: &World,
    request: &Incoming,
    project: &Project,
    pipeline: Option<&str>,
) -> Result<Reply, Reply> {
    const STATES: [&str; 11] = [
        "created",
        "waiting_for_resource",
        "preparing",
        "pending",
        "running",
        "success",
        "failed",
        "canceled",
        "skipped",
        "manual",
        "scheduled",
    ];
    let wanted: Vec<&str> = request
        .params("scope[]")
        .chain(request.params("scope"))
        .collect();
    if wanted.iter().any(|state| !STATES.contains(state)) {
        return Err(Reply::error(400, "scope does not have a valid value"));
    }
    if let Some(pipeline) = pipeline
        && !project
            .jobs
            .iter()
            .any(|job| (job.id + PIPELINE).to_string() == pipeline)
    {
        return Err(Reply::message(404, "404 Not found"));
    }
    let keyset = paging::wants_keyset(request)?;
    let before = request
        .param("cursor")
        .and_then(|cursor| cursor.parse::<u64>().ok());
    let rows: Vec<Value> = project
        .jobs
        .iter()
        .rev()
        .filter(|job| wanted.is_empty() || wanted.contains(&job.status.as_str()))
        .filter(|job| pipeline.is_none_or(|id| (job.id + PIPELINE).to_string() == id))
        .filter(|job| !keyset || before.is_none_or(|before| job.id < before))
        .map(|job| entity(world, project, job))
        .collect();
    if !keyset {
        return paging::offset(world, request, &rows);
    }
    let by_id = request.param("order_by").is_none_or(|order| order == "id");
    if pipeline.is_some() || !by_id || !params::descending(request, true)? {
        return Err(paging::no_keyset());
    }
    paging::keyset(world, request, &rows, "cursor", |row| {
        row.get("id").map(ToString::to_string).unwrap_or_default()
    })
}

fn pipelines(world: &World, request: &Incoming, project: &Project) -> Result<Reply, Reply> {
    params::choice(
        request,
        "order_by",
        &["id", "status", "ref", "updated_at", "user_id"],
    )?;
    let descending = params::descending(request, true)?;
    let branch = request.param("ref");
    let status = request.param("status");
    let mut rows: Vec<Value> = project
        .jobs
        .iter()
        .filter(|job| branch.is_none_or(|branch| job.git_ref == branch))
        .map(|job| pipeline_entity(world, project, job))
        .filter(|row| {
            status.is_none_or(|status| row.get("status").and_then(Value::as_str) == Some(status))
        })
        .collect();
    if descending {
        rows.reverse();
    }
    paging::offset(world, request, &rows)
}

/// The newest successful job of a name on a branch.
fn newest<'a>(request: &Incoming, project: &'a Project, branch: &str) -> Result<&'a Job, Reply> {
    let Some(name) = request.param("job") else {
        return Err(Reply::error(400, "job is missing"));
    };
    let branch = decoded(branch);
    let mut jobs = project.jobs.iter().rev();
    jobs.find(|job| job.name == name && job.git_ref == branch && job.status == "success")
        .ok_or_else(|| Reply::message(404, "404 Not found"))
}

fn raw_of_branch(
    request: &Incoming,
    project: &Project,
    branch: &str,
    path: &[&str],
) -> Result<Reply, Reply> {
    member(newest(request, project, branch)?, path)
}

/// One file of the archive. Reports alone can't be had.
fn member(job: &Job, path: &[&str]) -> Result<Reply, Reply> {
    let path = decoded(&path.join("/"));
    if path.is_empty() || path.split('/').any(|part| part == "..") {
        return Err(Reply::message(400, "400 Bad request - Invalid path"));
    }
    let bytes = job.files.get(&path).filter(|_| !job.expired);
    let bytes = bytes.ok_or_else(|| Reply::message(404, "404 Not found"))?;
    let kind = if path.ends_with(".json") {
        "application/json"
    } else {
        "application/octet-stream"
    };
    Ok(Reply::of(200, kind, bytes.clone()))
}

fn archive(job: &Job) -> Result<Reply, Reply> {
    if job.expired || job.files.is_empty() {
        return Err(hidden("Artifacts"));
    }
    let reply = Reply::of(200, "application/zip", zip(job));
    Ok(reply.header(
        "content-disposition",
        "attachment; filename=\"artifacts.zip\"",
    ))
}

/// A zip file of the artifacts, stored without packing.
fn zip(job: &Job) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    let mut count = 0_u16;
    for (name, bytes) in &job.files {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let at = u32::try_from(out.len()).unwrap_or(u32::MAX).to_le_bytes();
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
        let facts: Vec<u8> = [
            [20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0].as_slice(),
            &crc.sum().to_le_bytes(),
            &size,
            &size,
            &length,
            &[0, 0],
        ]
        .concat();
        out.extend([b"PK\x03\x04".as_slice(), &facts, name.as_bytes(), bytes].concat());
        directory.extend(
            [
                b"PK\x01\x02\x14\x00".as_slice(),
                &facts,
                &[0; 10],
                &at,
                name.as_bytes(),
            ]
            .concat(),
        );
        count = count.saturating_add(1);
    }
    let at = u32::try_from(out.len()).unwrap_or(u32::MAX).to_le_bytes();
    let size = u32::try_from(directory.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    out.extend(directory);
    let count = count.to_le_bytes();
    out.extend(
        [
            b"PK\x05\x06\0\0\0\0".as_slice(),
            &count,
            &count,
            &size,
            &at,
            &[0, 0],
        ]
        .concat(),
    );
    out
}

/// The old REST view of findings: licensed, and for developers.
pub(super) fn vulnerability_findings(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    let ["projects", id, _] = parts else {
        return None;
    };
    if !world.modes.edition.enterprise() {
        return None;
    }
    let listing = || {
        let caller = reader(world, request)?;
        let project = super::project(world, request, &caller, id)?;
        let level = world.organisation.project_level(caller.user(), project);
        if world.modes.edition != Edition::Ultimate || level < level::DEVELOPER {
            return Err(Reply::message(403, "403 Forbidden"));
        }
        paging::offset(world, request, &[])
    };
    Some(listing())
}
