//! The rules as a table, for people who tune them.

use super::factors;
use super::rule::{Change, Threshold};
use crate::factor::Category;
use crate::facts::Kind;

/// One rule, as documentation shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleRow {
    /// Its id in the policy file.
    pub id: &'static str,
    /// OX's category.
    pub category: Category,
    /// Two to four words.
    pub short_name: &'static str,
    /// One sentence.
    pub meaning: &'static str,
    /// Issues of these kinds.
    pub kinds: &'static [Kind],
    /// Its numbers.
    pub changes: &'static [Change],
    /// Its thresholds.
    pub thresholds: &'static [Threshold],
    /// What it asks for, in words.
    pub needs: Vec<&'static str>,
}

/// Every rule, in the order of declaration.
pub fn table() -> Vec<RuleRow> {
    factors::all()
        .map(|rule| RuleRow {
            id: rule.id,
            category: rule.category,
            short_name: rule.short_name,
            meaning: rule.meaning,
            kinds: rule.kinds,
            changes: rule.changes,
            thresholds: rule.thresholds,
            needs: rule.needs.iter().map(|input| input.name()).collect(),
        })
        .collect()
}

/// The table in Markdown.
pub fn markdown() -> String {
    let mut text = String::from(
        "| rule | category | meaning | numbers | of |\n| --- | --- | --- | --- | --- |\n",
    );
    for row in table() {
        let mut numbers: Vec<String> = row
            .changes
            .iter()
            .map(|one| format!("`{}` {:+.2}: {}", one.name, one.default, one.when))
            .collect();
        numbers.extend(
            row.thresholds
                .iter()
                .map(|one| format!("`{}` {}", one.name, one.default)),
        );
        if numbers.is_empty() {
            numbers.push("only tells".to_owned());
        }
        text.push_str(&format!(
            "| `{}` | {:?} | {} | {} | {} |\n",
            row.id,
            row.category,
            cell(row.meaning),
            cell(&numbers.join("<br>")),
            kinds(row.kinds),
        ));
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn kinds(kinds: &[Kind]) -> String {
    if kinds == factors::EVERY {
        return "all".to_owned();
    }
    let names: Vec<&str> = kinds
        .iter()
        .map(|kind| match kind {
            Kind::Vulnerability => "vulnerabilities",
            Kind::Secret => "secrets",
            Kind::Misconfiguration => "misconfigurations",
            Kind::Licence => "licences",
            Kind::Other => "others",
        })
        .collect();
    names.join(", ")
}
