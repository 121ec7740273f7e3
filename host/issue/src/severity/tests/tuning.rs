//! The operator's say.

use super::*;

fn read(json: serde_json::Value) -> Result<Tuning, String> {
    serde_json::from_value(json).map_err(|error| error.to_string())
}

#[test]
fn an_empty_section_is_the_default() {
    assert_eq!(read(serde_json::json!({})).unwrap(), Tuning::default());
    Tuning::default().validate().unwrap();
}

#[test]
fn what_is_written_is_read_as_the_same() {
    let tuning = read(serde_json::json!({
        "max-steps-down": 1,
        "known-exploited-floor": "critical",
        "appoxalypse-epss": 0.9,
        "rules": {
            "ransomware": { "change": 1.0 },
            "epss": { "changes": { "low": -0.2 }, "thresholds": { "low-score": 0.001 } },
            "visibility": { "enabled": false },
        },
    }))
    .unwrap();
    assert_eq!(tuning.known_exploited_floor, Severity::Critical);
    assert_eq!(
        read(serde_json::to_value(&tuning).unwrap()).unwrap(),
        tuning
    );
}

#[test]
fn a_tuned_number_and_threshold_count() {
    let tuning = read(serde_json::json!({ "rules": {
        "ransomware": { "change": 1.25 },
        "epss": { "changes": { "low": -0.2 }, "thresholds": { "low-score": 0.03, "low-percentile": 0.9 } },
    }}))
    .unwrap();
    let mut facts = plain();
    assert_eq!(number(&weigh(&facts, &tuning), "epss"), Some(-0.2));
    facts.threats[0].known_exploited = Some(known(true));
    assert_eq!(number(&weigh(&facts, &tuning), "ransomware"), Some(1.25));
}

#[test]
fn a_rule_that_is_switched_off_says_nothing_unless_a_bound_asks_the_same() {
    let tuning = read(serde_json::json!({ "rules": {
        "visibility": { "enabled": false },
        "known-exploited": { "enabled": false },
        "ransomware": { "enabled": false },
    }}))
    .unwrap();
    let mut facts = plain();
    facts.place.visibility = None;
    facts.inputs.kev = None;
    let verdict = weigh(&facts, &tuning);
    assert!(!misses(&verdict, Input::Visibility));
    assert!(misses(&verdict, Input::Kev));
    facts.threats[0].known_exploited = Some(known(true));
    assert_eq!(number(&weigh(&facts, &tuning), "known-exploited"), None);
}

#[test]
fn a_name_that_is_not_known_is_an_error_with_the_nearest_that_is() {
    for (json, said) in [
        (
            serde_json::json!({ "max-step-down": 1 }),
            "did you mean \"max-steps-down\"?",
        ),
        (
            serde_json::json!({ "rules": { "known-exploit": {} } }),
            "did you mean \"known-exploited\"?",
        ),
        (
            serde_json::json!({ "rules": { "Ransomeware": {} } }),
            "did you mean \"ransomware\"?",
        ),
        (
            serde_json::json!({ "rules": { "epss": { "changes": { "verry-high": 1.0 } } } }),
            "did you mean \"very-high\"?",
        ),
        (
            serde_json::json!({ "rules": { "epss": { "thresholds": { "lowscore": 0.1 } } } }),
            "did you mean \"low-score\"?",
        ),
        (
            serde_json::json!({ "rules": { "visibility": { "changes": { "everybody-else": 0.1 } } } }),
            "these are: public, internal, private",
        ),
        (
            serde_json::json!({ "rules": { "epss": { "on": true } } }),
            "unknown field `on`",
        ),
    ] {
        let error = read(json).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn numbers_outside_of_their_limits_are_errors() {
    for (json, said) in [
        (
            serde_json::json!({ "rules": { "ransomware": { "change": 3.01 } } }),
            "from -3 to 3",
        ),
        (
            serde_json::json!({ "rules": { "ransomware": { "change": -9 } } }),
            "from -3 to 3",
        ),
        (
            serde_json::json!({ "rules": { "visibility": { "change": 1 } } }),
            "public, internal, private",
        ),
        (
            serde_json::json!({ "rules": { "ransomware": { "change": 1, "changes": { "known": 1 } } } }),
            "write one of them",
        ),
        (
            serde_json::json!({ "rules": { "epss": { "thresholds": { "low-score": 2 } } } }),
            "from 0 to 1",
        ),
        (
            serde_json::json!({ "rules": { "epss": { "thresholds": { "low-score": 0.9 } } } }),
            "above high-score",
        ),
        (
            serde_json::json!({ "rules": { "stated-severity": { "change": 1 } } }),
            "only tells",
        ),
        (serde_json::json!({ "max-steps-up": 6 }), "from 0 to 5"),
        (
            serde_json::json!({ "appoxalypse-epss": 1.5 }),
            "from 0 to 1",
        ),
        (
            serde_json::json!({ "known-exploited-floor": "appoxalypse" }),
            "critical is the most",
        ),
        (
            serde_json::json!({ "known-exploited-floor": "severe" }),
            "is not a severity",
        ),
    ] {
        let error = read(json).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_tuning_that_was_filled_by_hand_is_capped_all_the_same() {
    for (change, expected) in [(50.0, Some(3.0)), (f64::NAN, None)] {
        let mut tuning = Tuning::default();
        let tuned = RuleTuning {
            change: Some(change),
            ..RuleTuning::default()
        };
        tuning.rules.insert("ransomware".to_owned(), tuned);
        assert!(tuning.validate().is_err());
        let verdict = {
            let mut facts = plain();
            facts.threats[0].known_exploited = Some(known(true));
            weigh(&facts, &tuning)
        };
        assert_eq!(number(&verdict, "ransomware"), expected);
    }
}
