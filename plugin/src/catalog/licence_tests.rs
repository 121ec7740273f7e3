#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

#[test]
fn ids_and_expressions_keep_their_meaning_and_get_their_canonical_form() {
    for (stated, right) in [
        ("MIT", "MIT"),
        ("mit", "MIT"),
        (" Apache-2.0 ", "Apache-2.0"),
        ("apache-2.0", "Apache-2.0"),
        ("(MIT OR CC0-1.0)", "MIT OR CC0-1.0"),
        (
            "(MIT or Apache-2.0) and (ISC)",
            "(MIT OR Apache-2.0) AND (ISC)",
        ),
        ("((MIT))", "MIT"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        (
            "Apache-2.0 with llvm-exception",
            "Apache-2.0 WITH LLVM-exception",
        ),
        ("Apache-2.0+", "Apache-2.0+"),
        ("LicenseRef-Our-Own", "LicenseRef-Our-Own"),
        ("MIT AND LicenseRef-x", "MIT AND LicenseRef-x"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("gpl-2.0+", "GPL-2.0-or-later"),
        ("GPL-2.0-or-later", "GPL-2.0-or-later"),
        (
            "GPL-3.0-only AND lgpl-2.1+",
            "GPL-3.0-only AND LGPL-2.1-or-later",
        ),
        (
            "GPL-2.0-with-classpath-exception",
            "GPL-2.0-only WITH Classpath-exception-2.0",
        ),
        (
            "wxWindows",
            "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
        ),
        ("AGPL-3.0", "AGPL-3.0-only"),
        ("GFDL-1.3", "GFDL-1.3-only"),
        ("Python-2.0", "Python-2.0"),
    ] {
        assert_eq!(normalise(stated), right, "{stated}");
    }
}

#[test]
fn forms_that_people_use_are_known() {
    for (stated, right) in [
        ("Apache 2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("The Apache Software License, Version 2.0", "Apache-2.0"),
        ("Apache License 2.0", "Apache-2.0"),
        ("MIT License", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("The MIT License", "MIT"),
        ("MIT/X11", "MIT"),
        ("BSD 3-Clause", "BSD-3-Clause"),
        ("3-Clause BSD License", "BSD-3-Clause"),
        ("New BSD License", "BSD-3-Clause"),
        ("BSD 2-Clause License", "BSD-2-Clause"),
        (
            "BSD 3-Clause \"New\" or \"Revised\" License",
            "BSD-3-Clause",
        ),
        ("ISC License", "ISC"),
        ("Mozilla Public License 2.0", "MPL-2.0"),
        ("GPLv3", "GPL-3.0-only"),
        ("GPL v2", "GPL-2.0-only"),
        ("GPLv2+", "GPL-2.0-or-later"),
        ("GNU GPL v3 or later", "GPL-3.0-or-later"),
        ("GNU General Public License v3.0 only", "GPL-3.0-only"),
        (
            "GNU Lesser General Public License, version 2.1 or later",
            "LGPL-2.1-or-later",
        ),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("LGPLv2+", "LGPL-2.0-or-later"),
        ("GNU Affero General Public License v3", "AGPL-3.0-only"),
        ("GPL2", "GPL-2.0-only"),
        ("Eclipse Public License 2.0", "EPL-2.0"),
        ("Public Domain", "Public Domain"),
    ] {
        assert_eq!(normalise(stated), right, "{stated}");
    }
}

#[test]
fn classifiers_of_the_python_index_name_their_licence_last() {
    for (stated, right) in [
        ("License :: OSI Approved :: MIT License", "MIT"),
        (
            "License :: OSI Approved :: Apache Software License",
            "Apache-2.0",
        ),
        ("License :: OSI Approved :: ISC License (ISCL)", "ISC"),
        (
            "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
            "MPL-2.0",
        ),
        (
            "License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)",
            "GPL-3.0-or-later",
        ),
        (
            "License :: OSI Approved :: GNU General Public License v2 (GPLv2)",
            "GPL-2.0-only",
        ),
        (
            "License :: OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)",
            "LGPL-2.0-or-later",
        ),
        (
            "License :: OSI Approved :: GNU Library or Lesser General Public License (LGPL)",
            "GNU Library or Lesser General Public License (LGPL)",
        ),
        (
            "License :: OSI Approved :: Python Software Foundation License",
            "PSF-2.0",
        ),
        (
            "License :: OSI Approved :: The Unlicense (Unlicense)",
            "Unlicense",
        ),
        ("License :: OSI Approved :: BSD License", "BSD License"),
        ("License :: OSI Approved", ""),
        ("License :: Public Domain", "Public Domain"),
        (
            "License :: Other/Proprietary License",
            "Other/Proprietary License",
        ),
    ] {
        assert_eq!(normalise(stated), right, "{stated}");
    }
}

#[test]
fn forms_of_debian_and_of_old_fedora_are_known() {
    for (stated, right) in [
        ("Expat", "MIT"),
        ("Expat or GPL-2+", "MIT OR GPL-2.0-or-later"),
        ("GPL-2", "GPL-2.0-only"),
        ("LGPL-2.1+ and Apache-2", "LGPL-2.1-or-later AND Apache-2.0"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("GFDL-1.3+", "GFDL-1.3-or-later"),
        (
            "Artistic or GPL-1+",
            "Artistic-1.0-Perl OR GPL-1.0-or-later",
        ),
        ("GPL+ or Artistic", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
        ("GPLv2+ and MIT", "GPL-2.0-or-later AND MIT"),
        (
            "ASL 2.0 and (MIT or GPLv3+)",
            "Apache-2.0 AND (MIT OR GPL-3.0-or-later)",
        ),
        (
            "LGPLv2+ and GPLv2 or later",
            "LGPL-2.0-or-later AND GPL-2.0-or-later",
        ),
    ] {
        assert_eq!(normalise(stated), right, "{stated}");
    }
}

#[test]
fn what_names_no_one_licence_stays_as_stated() {
    for stated in [
        "BSD",
        "GPL",
        "LGPL",
        "GPLv2+ and BSD",
        "GPL-2+ with OpenSSL exception",
        "public-domain",
        "UNLICENSED",
        "SEE LICENSE IN LICENSE.txt",
        "MIT BSD",
        "MIT, Apache",
        "GPL-9.0",
        "( MIT",
        "MIT OR",
        "OR",
        "()",
        "https://example.test/MIT",
        "Proprietary",
    ] {
        assert_eq!(normalise(stated), stated);
    }
    assert_eq!(normalise("NOASSERTION"), "");
    let text = "Permission is hereby granted, free of charge. ".repeat(100);
    assert_eq!(normalise(&text).len(), lines::MAX_FIELD);
}

#[test]
fn every_current_id_and_full_name_leads_to_its_licence() {
    let mut ambiguous = Vec::new();
    for one in LICENSES
        .iter()
        .filter(|one| one.flags & spdx::flags::IS_DEPRECATED == 0)
        .filter(|one| !normalise(one.name).is_empty())
    {
        assert_eq!(normalise(one.name), one.name);
        assert_eq!(normalise(&one.name.to_ascii_lowercase()), one.name);
        let by_name = normalise(one.full_name);
        if by_name != one.name {
            assert!(
                by_name == one.full_name.trim(),
                "{} became {by_name}",
                one.full_name
            );
            ambiguous.push(one.full_name);
        }
    }
    assert!(ambiguous.len() < 20, "{ambiguous:?}");
}

#[test]
fn every_replacement_and_form_is_a_valid_expression_in_squashed_form() {
    for (old, new) in REPLACED {
        assert!(spdx::license_id(old).unwrap().is_deprecated(), "{old}");
        assert!(spdx::Expression::parse(new).is_ok(), "{new}");
    }
    for (form, id) in IN_USE {
        assert_eq!(squash(form), *form);
        assert!(!spdx::license_id(id).unwrap().is_deprecated(), "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_changed_is_valid_and_changed_once(
        stated in "((MIT|GPL|gplv2|v3|Apache|2.0|BSD|or|AND|with|later|\\(|\\)|/|\\+| |é|\u{1F600}|License|LicenseRef-x)[ ]?){0,8}"
    ) {
        let made = normalise(&stated);
        let as_stated = made == lines::text(stated.as_bytes());
        prop_assert!(as_stated || made.is_empty() || spdx::Expression::parse(&made).is_ok(), "{} became {}", stated, made);
        prop_assert_eq!(normalise(&made), made);
    }

    #[test]
    fn any_text_is_survived(stated in any::<String>()) {
        normalise(&stated);
    }
}
