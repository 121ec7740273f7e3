"""Lists groups, projects, image repositories and tags with python-gitlab, as JSON on standard output.

Called with the address and the token. It is a client that was not written for the simulator.
"""

import json
import sys

import gitlab


def main() -> None:
    client = gitlab.Gitlab(sys.argv[1], private_token=sys.argv[2])
    client.auth()
    seen = {"user": client.user.username, "groups": [], "projects": [], "repositories": {}}
    for group in client.groups.list(iterator=True, per_page=2):
        seen["groups"].append(group.full_path)
    for project in client.projects.list(
        membership=True, iterator=True, pagination="keyset", order_by="id", sort="asc", per_page=3
    ):
        seen["projects"].append(project.path_with_namespace)
        if not project.container_registry_enabled:
            continue
        for repository in project.repositories.list(iterator=True, per_page=2):
            tags = [tag.name for tag in repository.tags.list(iterator=True, per_page=100)]
            seen["repositories"][repository.path] = tags
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
