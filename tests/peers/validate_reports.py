"""Validates reports of issues with validators that were not written for us.

Called with a format and files.

cyclonedx  the specification's own JSON schema of 1.6, which the package cyclonedx-python-lib brings, and that
           every reference of `affects` leads to a component of the document
sarif      the schema of SARIF 2.1.0: a file that OX_SARIF_SCHEMA names (the npm package @microsoft/jest-sarif
           brings one), and rules and indices that agree
openvex    the model of the package vexipy, and what its model leaves open: a justification or an impact
           statement with `not_affected`, an action with `affected`
gitlab     GitLab's schema, a file that OX_GITLAB_SCHEMA names. No registry has it: without that file the
           constraints of 15.2.1 are checked as they are written down below
ox         the shape that OX documents for a manual upload, as it is written down below

Prints what is wrong, one line each; ends with 1 when anything is, and with 3 when the validator is not there.
"""

import json
import os
import sys

ABSENT = 3


class Absent(Exception):
    """What the check needs is not there."""


def loaded(file: str):
    with open(file, encoding="utf-8") as opened:
        return json.load(opened)


def by_schema(schema, files: list[str]) -> list[str]:
    from jsonschema import validators

    checker = validators.validator_for(schema)
    checker.check_schema(schema)
    validator = checker(schema, format_checker=checker.FORMAT_CHECKER)
    return [
        f"{file}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for file in files
        for error in validator.iter_errors(loaded(file))
    ]


def named_schema(variable: str):
    path = os.environ.get(variable)
    if not path:
        raise Absent(f"{variable} names no schema")
    return loaded(path)


def cyclonedx(files: list[str]) -> list[str]:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    # Raises when jsonschema is absent: then nothing would have been checked.
    validator.validate_str('{"bomFormat": "CycloneDX", "specVersion": "1.6"}')
    wrong = []
    for file in files:
        with open(file, encoding="utf-8") as opened:
            text = opened.read()
        for error in validator.validate_str(text, all_errors=True) or []:
            wrong.append(f"{file}: {str(error.data)[:500]}")
        bom = json.loads(text)
        known, open_parts = [], [bom["metadata"]["component"], *bom.get("components", [])]
        while open_parts:
            part = open_parts.pop()
            known.append(part["bom-ref"])
            open_parts += part.get("components", [])
        known += [one["bom-ref"] for one in bom.get("vulnerabilities", [])]
        if len(set(known)) != len(known):
            wrong.append(f"{file}: a bom-ref stands twice")
        for one in bom.get("vulnerabilities", []):
            for affects in one["affects"]:
                if affects["ref"] not in known:
                    wrong.append(f"{file}: {affects['ref']} leads nowhere")
    return wrong


def sarif(files: list[str]) -> list[str]:
    wrong = by_schema(named_schema("OX_SARIF_SCHEMA"), files)
    for file in files:
        for run in loaded(file)["runs"]:
            rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
            if len(set(rules)) != len(rules):
                wrong.append(f"{file}: a rule stands twice")
            for result in run["results"]:
                if rules[result["ruleIndex"]] != result["ruleId"]:
                    wrong.append(f"{file}: {result['ruleId']} is not the rule of its index")
    return wrong


def openvex(files: list[str]) -> list[str]:
    from pydantic import ValidationError
    from vexipy import Document

    wrong = []
    for file in files:
        with open(file, encoding="utf-8") as opened:
            text = opened.read()
        try:
            Document.model_validate_json(text)
        except ValidationError as error:
            wrong += [f"{file}: {one['loc']}: {one['msg']}" for one in error.errors()]
        for place, one in enumerate(json.loads(text)["statements"]):
            said = ("justification" in one) + ("impact_statement" in one)
            if one["status"] == "not_affected" and said != 1:
                wrong.append(f"{file}: statement {place} must say why in one way")
            if one["status"] == "affected" and "action_statement" not in one:
                wrong.append(f"{file}: statement {place} must say what to do")
    return wrong


TEXT = {"type": "string"}
FILLED = {"type": "string", "minLength": 1}
WEB = {"type": "string", "pattern": "^(https?|ftp)://.+"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"}


def obj(required: dict, optional: dict | None = None) -> dict:
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties}


def each(items: dict, **more) -> dict:
    return {"type": "array", "items": items, **more}


def one_of(*words: str) -> dict:
    return {"enum": list(words)}


def gitlab_constraints() -> dict:
    """GitLab's schema 15.2.1, as far as our report uses it."""
    tool = obj({"id": FILLED, "name": FILLED, "version": FILLED, "vendor": obj({"name": FILLED})})
    identifier = obj({"type": FILLED, "name": FILLED, "value": FILLED}, {"url": WEB})
    detail = obj({"name": FILLED, "type": one_of("text", "list")})
    location = obj(
        {
            "dependency": obj({"package": obj({"name": TEXT}), "version": TEXT}),
            "operating_system": FILLED,
            "image": FILLED,
        }
    )
    flag = obj(
        {"type": one_of("flagged-as-likely-false-positive"), "origin": FILLED, "description": FILLED}
    )
    # CVSS 2 and 3; this version of the schema knows no CVSS 4.
    metrics = r"([A-Za-z]{1,3}:[A-Z]{1,3}/)*[A-Za-z]{1,3}:[A-Z]{1,3}$"
    vector = {
        "type": "string",
        "minLength": 16,
        "maxLength": 128,
        "pattern": rf"^(CVSS:3\.[01]/)?{metrics}",
    }
    vulnerability = obj(
        {"id": FILLED, "identifiers": each(identifier, minItems=1), "location": location},
        {
            "name": {"type": "string", "maxLength": 255},
            "description": {"type": "string", "maxLength": 1048576},
            "severity": one_of("Info", "Unknown", "Low", "Medium", "High", "Critical"),
            "solution": {"type": "string", "maxLength": 7000},
            "cvss_vectors": each(obj({"vendor": FILLED, "vector": vector}), minItems=1, maxItems=10),
            "links": each(obj({"url": WEB})),
            "details": {"type": "object", "additionalProperties": detail},
            "flags": each(flag),
        },
    )
    scan = obj(
        {
            "analyzer": tool,
            "scanner": tool,
            "type": one_of("container_scanning", "container_scanning_for_registry"),
            "status": one_of("success", "failure"),
            "start_time": TIME,
            "end_time": TIME,
        },
        {"messages": each(obj({"level": one_of("info", "warn", "fatal"), "value": FILLED}))},
    )
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **obj(
            {
                "version": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
                "scan": scan,
                "vulnerabilities": each(vulnerability),
            },
            {"schema": {"type": "string", "pattern": "^https?://.+"}, "remediations": each({"type": "object"})},
        ),
    }


def gitlab(files: list[str]) -> list[str]:
    import jsonschema  # noqa: F401

    wrong = by_schema(gitlab_constraints(), files)
    if os.environ.get("OX_GITLAB_SCHEMA"):
        wrong += by_schema(named_schema("OX_GITLAB_SCHEMA"), files)
    for file in files:
        ids = [one["id"] for one in loaded(file)["vulnerabilities"]]
        if len(set(ids)) != len(ids):
            wrong.append(f"{file}: an id stands twice")
    return wrong


def closed(required: dict, optional: dict | None = None) -> dict:
    return {**obj(required, optional), "additionalProperties": False}


def ox(files: list[str]) -> list[str]:
    number = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
    flag = {"type": "boolean"}
    vulnerability = closed(
        {"cve": {"type": "string", "pattern": "^CVE-"}},
        {
            "cvssScore": number,
            "cvssVersion": TEXT,
            "cveDescription": TEXT,
            "epss": number,
            "percentile": number,
            "kev": flag,
            "publishedExploitDate": TEXT,
            "hasPublicExploit": flag,
            "publicExploitLink": WEB,
            "attackVector": TEXT,
        },
    )
    artifact = closed({"name": TEXT, "tags": each(TEXT), "sha": TEXT, "region": TEXT})
    factor = closed({"name": FILLED, "type": one_of("Exploitable", "Reachable", "Damage")})
    finding = closed(
        {
            "id": FILLED,
            "title": FILLED,
            "severity": one_of("Appoxalypse", "Critical", "High", "Medium", "Low", "Info"),
        },
        {
            **{
                name: TEXT
                for name in ["summary", "impact", "recommendation", "libraryName", "libraryVersion"]
            },
            "reference": WEB,
            "linkToExternalProduct": WEB,
            "assets": each(closed({"filePath": TEXT}, {"snippet": TEXT, "artifacts": each(artifact)})),
            "vulnerabilities": each(vulnerability),
            "severityFactorsPerIssue": each(factor),
        },
    )
    application = closed({"name": FILLED, "findings": each(finding)}, {"tags": each(TEXT)})
    upload = closed(
        {
            "reportId": FILLED,
            "dateGenerated": FILLED,
            "testerInfo": closed({"name": FILLED, "email": FILLED}),
            "applications": each(application),
        }
    )
    return by_schema({"$schema": "http://json-schema.org/draft-07/schema#", **upload}, files)


def main() -> int:
    form, files = sys.argv[1], sys.argv[2:]
    forms = {"cyclonedx": cyclonedx, "sarif": sarif, "openvex": openvex, "gitlab": gitlab, "ox": ox}
    try:
        wrong = forms[form](files)
    except (ImportError, Absent) as error:
        print(f"{form}: {error}", file=sys.stderr)
        return ABSENT
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
