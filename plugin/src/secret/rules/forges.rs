//! Secrets of code forges and package registries.

use super::Class::{Alnum, Base32, Dotted, Hex, Lower, Padded, Url, Word};
use super::Part::{Lit, Run};
use super::Severity::{Critical, High, Low, Medium};
use super::{Check, Rule};

type Vendor = (&'static str, &'static str);

const GITLAB: Vendor = (
    "GitLab",
    "the projects, packages and images that its owner may reach in GitLab",
);
const GITHUB: Vendor = (
    "GitHub",
    "the repositories and organisations that its owner may reach in GitHub",
);
const ATLASSIAN: Vendor = (
    "Atlassian",
    "Jira, Confluence or Bitbucket in its owner's name",
);
const NPM: Vendor = (
    "npm",
    "private npm packages, and to publishing packages in its owner's name",
);
const PYPI: Vendor = ("PyPI", "publishing Python packages in its owner's name");
const RUBYGEMS: Vendor = ("RubyGems", "publishing gems in its owner's name");
const NUGET: Vendor = ("NuGet", "publishing NuGet packages in its owner's name");
const CRATES: Vendor = ("crates.io", "publishing crates in its owner's name");
const DOCKER: Vendor = ("Docker", "the images that its owner may pull and push");

pub(super) static RULES: &[Rule] = &[
    Rule::token(
        "gitlab-pat",
        "GitLab personal access token",
        GITLAB,
        Critical,
        &[Lit("glpat-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-oauth-secret",
        "GitLab OAuth application secret",
        GITLAB,
        High,
        &[Lit("gloas-"), Run(Dotted, 64, 320)],
    ),
    Rule::token(
        "gitlab-deploy-token",
        "GitLab deploy token",
        GITLAB,
        High,
        &[Lit("gldt-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-runner-token",
        "GitLab runner authentication token",
        GITLAB,
        High,
        &[Lit("glrt-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-runner-registration",
        "GitLab runner registration token",
        GITLAB,
        High,
        &[Lit("glrtr-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-runner-registration-old",
        "GitLab runner registration token",
        GITLAB,
        High,
        &[Lit("GR1348941"), Run(Url, 20, 20)],
    ),
    Rule::token(
        "gitlab-job-token",
        "GitLab CI/CD job token",
        GITLAB,
        Medium,
        &[Lit("glcbt-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-trigger-token",
        "GitLab pipeline trigger token",
        GITLAB,
        High,
        &[Lit("glptt-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-feed-token",
        "GitLab feed token",
        GITLAB,
        Medium,
        &[Lit("glft-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-mail-token",
        "GitLab incoming mail token",
        GITLAB,
        Medium,
        &[Lit("glimt-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-agent-token",
        "GitLab agent for Kubernetes token",
        GITLAB,
        High,
        &[Lit("glagent-"), Run(Dotted, 20, 1024)],
    ),
    Rule::token(
        "gitlab-scim-token",
        "GitLab SCIM token",
        GITLAB,
        High,
        &[Lit("glsoat-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-feature-flags-token",
        "GitLab feature flags client token",
        GITLAB,
        Medium,
        &[Lit("glffct-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-workspace-token",
        "GitLab workspace token",
        GITLAB,
        High,
        &[Lit("glwt-"), Run(Dotted, 20, 320)],
    ),
    Rule::token(
        "gitlab-session",
        "GitLab session cookie",
        GITLAB,
        High,
        &[Lit("_gitlab_session="), Run(Hex, 32, 32)],
    ),
    Rule::token(
        "github-pat",
        "GitHub personal access token (classic)",
        GITHUB,
        Critical,
        &[Lit("ghp_"), Run(Alnum, 36, 36)],
    )
    .check(Check::Crc32),
    Rule::token(
        "github-fine-grained-pat",
        "GitHub fine-grained personal access token",
        GITHUB,
        Critical,
        &[
            Lit("github_pat_"),
            Run(Alnum, 22, 22),
            Lit("_"),
            Run(Alnum, 59, 59),
        ],
    ),
    Rule::token(
        "github-oauth-token",
        "GitHub OAuth access token",
        GITHUB,
        Critical,
        &[Lit("gho_"), Run(Alnum, 36, 36)],
    )
    .check(Check::Crc32),
    Rule::token(
        "github-app-user-token",
        "GitHub App user access token",
        GITHUB,
        High,
        &[Lit("ghu_"), Run(Alnum, 36, 36)],
    )
    .check(Check::Crc32),
    // The newer form is longer and carries a signed token.
    Rule::token(
        "github-app-token",
        "GitHub App installation access token",
        GITHUB,
        High,
        &[Lit("ghs_"), Run(Dotted, 36, 1024)],
    )
    .check(Check::Crc32IfShort),
    Rule::token(
        "github-refresh-token",
        "GitHub App refresh token",
        GITHUB,
        High,
        &[Lit("ghr_"), Run(Alnum, 36, 76)],
    )
    .check(Check::Crc32IfShort),
    Rule::token(
        "atlassian-api-token",
        "Atlassian API token",
        ATLASSIAN,
        High,
        &[Lit("ATATT3"), Run(Url, 40, 320)],
    )
    .keys(&["ATATT3"]),
    Rule::token(
        "atlassian-access-token",
        "Bitbucket access token",
        ATLASSIAN,
        High,
        &[Lit("ATCTT3"), Run(Url, 40, 320)],
    ),
    Rule::token(
        "bitbucket-app-password",
        "Bitbucket app password",
        ATLASSIAN,
        High,
        &[Lit("ATBB"), Run(Alnum, 32, 32)],
    )
    .check(Check::Mixed),
    Rule::named(
        "jira-api-token",
        "Atlassian API token",
        ATLASSIAN,
        High,
        &[
            "jiraapitoken",
            "jiratoken",
            "atlassiantoken",
            "atlassianapitoken",
            "confluencetoken",
        ],
        &[Run(Alnum, 24, 24)],
    ),
    Rule::named(
        "bitbucket-client-secret",
        "Bitbucket client secret",
        ATLASSIAN,
        High,
        &["bitbucketclientsecret", "bitbucketsecret"],
        &[Run(Url, 32, 64)],
    ),
    Rule::token(
        "npm-token",
        "npm access token",
        NPM,
        Critical,
        &[Lit("npm_"), Run(Alnum, 36, 36)],
    )
    .check(Check::Crc32),
    Rule::named(
        "npm-auth-token",
        "npm access token (in .npmrc)",
        NPM,
        High,
        &["authtoken"],
        &[Run(Padded, 20, 200)],
    )
    .check(Check::InFile("npmrc")),
    Rule::named(
        "npm-auth-token-uuid",
        "npm access token (in .npmrc)",
        NPM,
        High,
        &["authtoken"],
        &[Run(Hex, 8, 8), Lit("-"), Run(Url, 27, 27)],
    )
    .check(Check::InFile("npmrc")),
    Rule::token(
        "pypi-token",
        "PyPI upload token",
        PYPI,
        Critical,
        &[Lit("pypi-AgE"), Run(Url, 60, 1024)],
    ),
    Rule::token(
        "testpypi-token",
        "TestPyPI upload token",
        PYPI,
        Low,
        &[Lit("pypi-AgENdGVzdC5weXBpLm9yZ"), Run(Url, 40, 1024)],
    ),
    Rule::token(
        "rubygems-key",
        "RubyGems API key",
        RUBYGEMS,
        High,
        &[Lit("rubygems_"), Run(Hex, 48, 48)],
    ),
    Rule::token(
        "nuget-key",
        "NuGet API key",
        NUGET,
        High,
        &[Lit("oy2"), Run(Lower, 43, 43)],
    )
    .keys(&[
        "oy2a", "oy2b", "oy2c", "oy2d", "oy2e", "oy2f", "oy2g", "oy2h", "oy2i", "oy2j", "oy2k",
        "oy2l", "oy2m", "oy2n", "oy2o", "oy2p",
    ])
    .check(Check::Mixed),
    Rule::named(
        "crates-io-token",
        "crates.io API token",
        CRATES,
        High,
        &["token", "cargoregistrytoken"],
        &[Lit("cio"), Run(Alnum, 32, 32)],
    ),
    Rule::token(
        "docker-pat",
        "Docker Hub personal access token",
        DOCKER,
        High,
        &[Lit("dckr_pat_"), Run(Url, 27, 27)],
    ),
    Rule::token(
        "docker-oat",
        "Docker Hub organisation access token",
        DOCKER,
        High,
        &[Lit("dckr_oat_"), Run(Url, 32, 32)],
    ),
    Rule::token(
        "jfrog-token",
        "JFrog identity token",
        (
            "JFrog",
            "the packages that its owner may reach in Artifactory",
        ),
        High,
        &[Lit("cmVmdGtu"), Run(Alnum, 56, 56)],
    ),
    Rule::token(
        "jfrog-key",
        "JFrog API key",
        (
            "JFrog",
            "the packages that its owner may reach in Artifactory",
        ),
        High,
        &[Lit("AKCp"), Run(Alnum, 69, 69)],
    ),
    Rule::token(
        "clojars-token",
        "Clojars deploy token",
        ("Clojars", "publishing packages in its owner's name"),
        High,
        &[Lit("CLOJARS_"), Run(Lower, 60, 60)],
    ),
    Rule::token(
        "sonar-token",
        "SonarQube token",
        (
            "SonarSource",
            "the analyses and settings of its owner's projects",
        ),
        Medium,
        &[Lit("squ_"), Run(Hex, 40, 40)],
    ),
    Rule::token(
        "sonar-project-token",
        "SonarQube project token",
        ("SonarSource", "the analyses of a project"),
        Medium,
        &[Lit("sqp_"), Run(Hex, 40, 40)],
    ),
    Rule::token(
        "age-key",
        "age secret key",
        ("age", "everything that is encrypted for it"),
        High,
        &[Lit("AGE-SECRET-KEY-1"), Run(super::Class::Upper, 58, 58)],
    ),
    Rule::named(
        "otp-seed",
        "seed of one-time passwords",
        ("TOTP", "the second factor of an account"),
        High,
        &["totpsecret", "otpsecret", "mfasecret"],
        &[Run(Base32, 16, 64)],
    ),
    Rule::named(
        "sidekiq-secret",
        "Sidekiq Pro credentials",
        RUBYGEMS,
        Medium,
        &["bundlegemscontribsyscom", "bundleenterprisecontribsyscom"],
        &[Run(Hex, 8, 8), Lit(":"), Run(Hex, 8, 8)],
    ),
    Rule::named(
        "rails-secret",
        "secret key base of Rails",
        ("Rails", "every session of the application"),
        High,
        &["secretkeybase"],
        &[Run(Word, 64, 160)],
    ),
];
