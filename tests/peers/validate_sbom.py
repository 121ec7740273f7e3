"""Validates an SBOM with a validator that was not written for us.

Called with the form (`cyclonedx` or `spdx`) and files. `cyclonedx` checks against the specification's own JSON
schema of version 1.6, which the package cyclonedx-python-lib brings, and that references lead somewhere; `spdx`
reads the document with spdx-tools and runs its rules for 2.3. Prints what is wrong, one line each; ends with 1
when anything is, and with 3 when the validator is not installed.
"""

import json
import sys

ABSENT = 3


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
        parts = [bom["metadata"]["component"], *bom.get("components", [])]
        known = [part["bom-ref"] for part in parts if "bom-ref" in part]
        if len(set(known)) != len(known):
            wrong.append(f"{file}: a bom-ref stands twice")
        for dependency in bom.get("dependencies", []):
            for reference in [dependency["ref"], *dependency.get("dependsOn", [])]:
                if reference not in set(known):
                    wrong.append(f"{file}: {reference} leads nowhere")
    return wrong


def spdx(files: list[str]) -> list[str]:
    from spdx_tools.spdx.parser.error import SPDXParsingError
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    wrong = []
    for file in files:
        try:
            document = parse_file(file)
        except SPDXParsingError as error:
            wrong += [f"{file}: {message}" for message in error.get_messages()]
            continue
        for message in validate_full_spdx_document(document, "SPDX-2.3"):
            wrong.append(f"{file}: {message.validation_message} ({message.context.spdx_id})")
    return wrong


def main() -> int:
    form, files = sys.argv[1], sys.argv[2:]
    try:
        wrong = {"cyclonedx": cyclonedx, "spdx": spdx}[form](files)
    except ImportError as error:
        print(f"{form}: {error}", file=sys.stderr)
        return ABSENT
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
