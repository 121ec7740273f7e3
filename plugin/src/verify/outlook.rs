//! Where the registry is, and which image repositories there are to try: told by the projects that the
//! account sees, since nothing else names the registry's host.

use crate::contract::Failure;
use crate::gitlab::Api;
use crate::gitlab::account;
use crate::gitlab::api::{Listing, Mark, PAGE_CAP};
use crate::gitlab::project::{Project, Repository, repositories};

/// Projects whose image repositories are asked for.
const PROJECTS: usize = 15;

/// What the account's projects tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// There are none.
    NoProjects,
    /// None of them has a registry.
    NoRegistry,
    /// Host of the registry, and paths of repositories in it (maybe none).
    Registry {
        host: String,
        repositories: Vec<String>,
    },
}

/// Looks at the projects with the newest activity.
pub(super) fn look(api: &Api<'_, '_>) -> Result<Outlook, Failure> {
    let newest = |filter: &str| {
        let query = format!("{filter}archived=false&order_by=last_activity_at&sort=desc");
        api.page::<Project>(&Listing::new("projects", &query), &Mark::Page(1))
    };
    let mut projects = newest("membership=true&")?.items;
    // An administrator sees projects without being a member of them. Nobody else is shown what is public.
    if projects.is_empty() && account::user(api).is_ok_and(|user| user.is_admin == Some(true)) {
        projects = newest("")?.items;
    }
    if projects.is_empty() {
        return Ok(Outlook::NoProjects);
    }
    let usable: Vec<&Project> = projects
        .iter()
        .filter(|project| project.unscannable().is_none())
        .collect();
    let mut host = usable
        .iter()
        .find_map(|project| project.registry_host())
        .map(str::to_owned);

    let wanted = usable.iter().take(PROJECTS);
    let requests: Vec<_> = wanted
        .map(|project| api.page_request(&repositories(project.id), &Mark::Page(1)))
        .collect();
    let mut paths = Vec::new();
    for answer in api.fetch_all(requests, PAGE_CAP) {
        let page = answer.and_then(|answer| {
            api.read_page::<Repository>(
                &Listing::new("registry/repositories", ""),
                &Mark::Page(1),
                "",
                answer,
            )
        });
        let found = match page {
            Ok(page) => page.items,
            Err(failure @ (Failure::Unauthenticated(_) | Failure::Stopped)) => return Err(failure),
            // One project may be closed; the others tell enough.
            Err(_) => continue,
        };
        let found = found
            .iter()
            .filter(|repository| repository.unscannable().is_none());
        for (at, repository) in found.enumerate() {
            // Its own location is exact; the projects' prefix is for when there are no images yet.
            let here = repository.registry_host();
            if paths.is_empty()
                && let Some(here) = here
            {
                host = Some(here.to_owned());
            }
            if here.is_none() || here == host.as_deref() {
                paths.push((at, repository.image_path()));
            }
        }
    }
    // One of each project first: a project may have many that are empty.
    paths.sort_by_key(|(at, _)| *at);
    let paths = paths.into_iter().map(|(_, path)| path).collect();
    Ok(match host {
        Some(host) => Outlook::Registry {
            host,
            repositories: paths,
        },
        None => Outlook::NoRegistry,
    })
}
