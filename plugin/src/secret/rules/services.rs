//! Secrets of services that applications talk to: payment, mail, chat, monitoring, models.

use super::Class::{Alnum, AnyHex, Base64, Digit, Dotted, Hex, Padded, Upper, Url, Word};
use super::Part::{Lit, Run};
use super::Severity::{Critical, High, Low, Medium};
use super::{Check, Rule};

type Vendor = (&'static str, &'static str);

const SLACK: Vendor = (
    "Slack",
    "the messages and files of the workspace that its app may read",
);
const STRIPE: Vendor = ("Stripe", "payments, refunds and customers' data");
const TWILIO: Vendor = ("Twilio", "messages and calls at the account's cost");
const SENDGRID: Vendor = ("SendGrid", "sending mail in the account's name");
const MAILGUN: Vendor = ("Mailgun", "sending mail in the account's name");
const MAILCHIMP: Vendor = ("Mailchimp", "mailing lists and campaigns");
const OPENAI: Vendor = ("OpenAI", "models and files at the account's cost");
const ANTHROPIC: Vendor = ("Anthropic", "models at the account's cost");
const HUGGINGFACE: Vendor = (
    "Hugging Face",
    "private models and data sets, and to publishing in its owner's name",
);
const DATADOG: Vendor = ("Datadog", "the organisation's metrics and logs");
const NEWRELIC: Vendor = ("New Relic", "the account's metrics and logs");
const GRAFANA: Vendor = ("Grafana", "dashboards and data sources");
const SENTRY: Vendor = ("Sentry", "the organisation's errors and projects");
const SHOPIFY: Vendor = ("Shopify", "the shop's orders and customers");
const SQUARE: Vendor = ("Square", "payments and customers' data");
const PAYPAL: Vendor = ("PayPal", "payments and customers' data");
const TELEGRAM: Vendor = ("Telegram", "everything the bot may read and send");
const DISCORD: Vendor = ("Discord", "everything the bot or channel may read and send");
const FACEBOOK: Vendor = ("Facebook", "the application or pages of its owner");
const POSTMAN: Vendor = ("Postman", "the workspaces of its owner");

const HEX32: &[super::Part] = &[Run(Hex, 32, 32)];

pub(super) static RULES: &[Rule] = &[
    Rule::token(
        "slack-bot-token",
        "Slack bot token",
        SLACK,
        High,
        &[Lit("xoxb-"), Run(Digit, 9, 14), Lit("-"), Run(Url, 20, 80)],
    ),
    Rule::token(
        "slack-user-token",
        "Slack user token",
        SLACK,
        High,
        &[Lit("xoxp-"), Run(Digit, 9, 14), Lit("-"), Run(Url, 20, 100)],
    ),
    Rule::token(
        "slack-app-token",
        "Slack app-level token",
        SLACK,
        High,
        &[
            Lit("xapp-"),
            Run(Digit, 1, 2),
            Lit("-"),
            Run(Upper, 8, 14),
            Lit("-"),
            Run(Digit, 9, 14),
            Lit("-"),
            Run(Alnum, 32, 80),
        ],
    ),
    Rule::token(
        "slack-refresh-token",
        "Slack refresh token",
        SLACK,
        High,
        &[
            Lit("xoxe-"),
            Run(Digit, 1, 2),
            Lit("-"),
            Run(Alnum, 100, 200),
        ],
    ),
    Rule::token(
        "slack-config-token",
        "Slack configuration token",
        SLACK,
        High,
        &[
            Lit("xoxe.xoxp-"),
            Run(Digit, 1, 2),
            Lit("-"),
            Run(Alnum, 100, 200),
        ],
    ),
    Rule::token(
        "slack-workspace-token",
        "Slack workspace token",
        SLACK,
        High,
        &[Lit("xoxa-"), Run(Url, 20, 100)],
    )
    .check(Check::Mixed),
    Rule::token(
        "slack-session-token",
        "Slack session token",
        SLACK,
        High,
        &[Lit("xoxs-"), Run(Digit, 9, 14), Lit("-"), Run(Url, 20, 100)],
    ),
    Rule::token(
        "slack-webhook",
        "Slack webhook",
        SLACK,
        Medium,
        &[
            Lit("hooks.slack.com/services/T"),
            Run(Upper, 8, 12),
            Lit("/B"),
            Run(Upper, 8, 12),
            Lit("/"),
            Run(Alnum, 24, 24),
        ],
    ),
    Rule::token(
        "stripe-live-key",
        "Stripe live secret key",
        STRIPE,
        Critical,
        &[Lit("sk_live_"), Run(Alnum, 16, 247)],
    ),
    Rule::token(
        "stripe-restricted-key",
        "Stripe live restricted key",
        STRIPE,
        High,
        &[Lit("rk_live_"), Run(Alnum, 16, 247)],
    ),
    Rule::token(
        "stripe-webhook-secret",
        "Stripe webhook signing secret",
        STRIPE,
        Medium,
        &[Lit("whsec_"), Run(Padded, 32, 64)],
    )
    .check(Check::Mixed),
    Rule::named(
        "twilio-auth-token",
        "Twilio auth token",
        TWILIO,
        High,
        &["twilio"],
        HEX32,
    ),
    Rule::named(
        "twilio-api-key",
        "Twilio API key",
        TWILIO,
        High,
        &["twilio"],
        &[Lit("SK"), Run(Hex, 32, 32)],
    ),
    Rule::named(
        "twilio-api-secret",
        "Twilio API secret",
        TWILIO,
        High,
        &["twilioapisecret", "twiliosecret"],
        &[Run(Alnum, 32, 32)],
    ),
    Rule::token(
        "sendgrid-key",
        "SendGrid API key",
        SENDGRID,
        High,
        &[Lit("SG."), Run(Url, 20, 24), Lit("."), Run(Url, 39, 50)],
    ),
    Rule::token(
        "mailgun-key",
        "Mailgun private API key",
        MAILGUN,
        High,
        &[Lit("key-"), Run(Hex, 32, 32)],
    )
    .own_files(),
    Rule::token(
        "mailgun-signed-key",
        "Mailgun API key",
        MAILGUN,
        High,
        &[Lit("-us"), Run(Digit, 1, 2)],
    )
    .after(Hex, 32, 32)
    .keys(&[
        "-us1", "-us2", "-us3", "-us4", "-us5", "-us6", "-us7", "-us8", "-us9",
    ]),
    Rule::named(
        "mailchimp-key",
        "Mailchimp API key",
        MAILCHIMP,
        High,
        &["mailchimp"],
        HEX32,
    ),
    Rule::token(
        "sendinblue-key",
        "Brevo API key",
        ("Brevo", "sending mail in the account's name"),
        High,
        &[
            Lit("xkeysib-"),
            Run(Hex, 64, 64),
            Lit("-"),
            Run(Alnum, 16, 16),
        ],
    ),
    Rule::token(
        "postmark-named",
        "Postmark server token",
        ("Postmark", "sending mail in the account's name"),
        Medium,
        &[
            super::Part::Any("postmark_api_token="),
            Run(Hex, 8, 8),
            Lit("-"),
            Run(Url, 27, 27),
        ],
    ),
    Rule::token(
        "openai-key",
        "OpenAI API key",
        OPENAI,
        High,
        &[Lit("T3BlbkFJ"), Run(Url, 20, 160)],
    )
    .after(Url, 23, 200)
    .check(Check::AfterSk),
    Rule::token(
        "anthropic-key",
        "Anthropic API key",
        ANTHROPIC,
        High,
        &[
            Lit("sk-ant-api"),
            Run(Digit, 2, 2),
            Lit("-"),
            Run(Url, 80, 120),
        ],
    ),
    Rule::token(
        "anthropic-admin-key",
        "Anthropic admin API key",
        ANTHROPIC,
        Critical,
        &[
            Lit("sk-ant-admin"),
            Run(Digit, 2, 2),
            Lit("-"),
            Run(Url, 80, 120),
        ],
    ),
    Rule::token(
        "anthropic-oauth-token",
        "Anthropic OAuth token",
        ANTHROPIC,
        High,
        &[
            Lit("sk-ant-o"),
            Run(Alnum, 2, 4),
            Lit("-"),
            Run(Url, 80, 120),
        ],
    ),
    Rule::token(
        "huggingface-token",
        "Hugging Face user access token",
        HUGGINGFACE,
        High,
        &[Lit("hf_"), Run(Alnum, 34, 37)],
    )
    .keys(&["hf_"])
    .check(Check::Mixed)
    .entropy(380),
    Rule::token(
        "huggingface-org-token",
        "Hugging Face organisation token",
        HUGGINGFACE,
        High,
        &[Lit("api_org_"), Run(Alnum, 34, 34)],
    ),
    Rule::token(
        "replicate-token",
        "Replicate API token",
        ("Replicate", "models at the account's cost"),
        High,
        &[Lit("r8_"), Run(Alnum, 37, 37)],
    )
    .keys(&["r8_"])
    .check(Check::Mixed),
    Rule::token(
        "groq-key",
        "Groq API key",
        ("Groq", "models at the account's cost"),
        High,
        &[Lit("gsk_"), Run(Alnum, 52, 52)],
    ),
    Rule::token(
        "xai-key",
        "xAI API key",
        ("xAI", "models at the account's cost"),
        High,
        &[Lit("xai-"), Run(Alnum, 80, 80)],
    ),
    Rule::token(
        "perplexity-key",
        "Perplexity API key",
        ("Perplexity", "models at the account's cost"),
        High,
        &[Lit("pplx-"), Run(Alnum, 48, 56)],
    ),
    Rule::named(
        "datadog-api-key",
        "Datadog API key",
        DATADOG,
        High,
        &["datadog", "ddapikey"],
        HEX32,
    ),
    Rule::named(
        "datadog-app-key",
        "Datadog application key",
        DATADOG,
        High,
        &["datadog", "ddappkey", "ddapplicationkey"],
        &[Run(Hex, 40, 40)],
    ),
    Rule::token(
        "newrelic-user-key",
        "New Relic user key",
        NEWRELIC,
        High,
        &[Lit("NRAK-"), Run(Upper, 27, 27)],
    ),
    Rule::token(
        "newrelic-insights-key",
        "New Relic insert key",
        NEWRELIC,
        Medium,
        &[Lit("NRII-"), Run(Url, 32, 32)],
    ),
    Rule::token(
        "newrelic-query-key",
        "New Relic query key",
        NEWRELIC,
        Medium,
        &[Lit("NRIQ-"), Run(Url, 32, 32)],
    ),
    Rule::token(
        "newrelic-licence-key",
        "New Relic licence key",
        NEWRELIC,
        Medium,
        &[Lit("NRAL")],
    )
    .after(Hex, 36, 36),
    Rule::token(
        "grafana-service-token",
        "Grafana service account token",
        GRAFANA,
        High,
        &[
            Lit("glsa_"),
            Run(Alnum, 32, 32),
            Lit("_"),
            Run(AnyHex, 8, 8),
        ],
    ),
    Rule::token(
        "grafana-cloud-token",
        "Grafana Cloud access policy token",
        GRAFANA,
        High,
        &[Lit("glc_eyJ"), Run(Padded, 40, 400)],
    ),
    Rule::token(
        "grafana-key",
        "Grafana API key",
        GRAFANA,
        High,
        &[Lit("eyJrIjoi"), Run(Padded, 60, 300)],
    ),
    Rule::token(
        "sentry-org-token",
        "Sentry organisation token",
        SENTRY,
        High,
        &[Lit("sntrys_eyJ"), Run(Word, 80, 800)],
    )
    .keys(&["sntrys_"]),
    Rule::token(
        "sentry-org-token-padded",
        "Sentry organisation token",
        SENTRY,
        High,
        &[
            Lit("sntrys_eyJ"),
            Run(Padded, 40, 500),
            Lit("_"),
            Run(Base64, 20, 80),
        ],
    ),
    Rule::token(
        "sentry-user-token",
        "Sentry user token",
        SENTRY,
        High,
        &[Lit("sntryu_"), Run(Hex, 64, 64)],
    ),
    Rule::token(
        "shopify-access-token",
        "Shopify access token",
        SHOPIFY,
        High,
        &[Lit("shpat_"), Run(AnyHex, 32, 32)],
    ),
    Rule::token(
        "shopify-custom-token",
        "Shopify custom app access token",
        SHOPIFY,
        High,
        &[Lit("shpca_"), Run(AnyHex, 32, 32)],
    ),
    Rule::token(
        "shopify-private-token",
        "Shopify private app access token",
        SHOPIFY,
        High,
        &[Lit("shppa_"), Run(AnyHex, 32, 32)],
    ),
    Rule::token(
        "shopify-secret",
        "Shopify shared secret",
        SHOPIFY,
        High,
        &[Lit("shpss_"), Run(AnyHex, 32, 32)],
    ),
    Rule::token(
        "square-access-token",
        "Square access token",
        SQUARE,
        High,
        &[Lit("sq0atp-"), Run(Url, 22, 60)],
    ),
    Rule::token(
        "square-secret",
        "Square OAuth secret",
        SQUARE,
        High,
        &[Lit("sq0csp-"), Run(Url, 43, 60)],
    ),
    Rule::token(
        "square-production-token",
        "Square access token",
        SQUARE,
        High,
        &[Lit("EAAAE"), Run(Url, 59, 60)],
    )
    .check(Check::Mixed)
    .own_files(),
    Rule::token(
        "braintree-token",
        "PayPal Braintree access token",
        PAYPAL,
        Critical,
        &[
            Lit("access_token$production$"),
            Run(Alnum, 16, 16),
            Lit("$"),
            Run(Hex, 32, 32),
        ],
    ),
    Rule::named(
        "paypal-secret",
        "PayPal client secret",
        PAYPAL,
        High,
        &["paypalclientsecret", "paypalsecret"],
        &[Run(Url, 80, 80)],
    ),
    Rule::token(
        "telegram-bot-token",
        "Telegram bot token",
        TELEGRAM,
        High,
        &[Lit(":AA"), Run(Url, 33, 33)],
    )
    .after(Digit, 8, 10)
    .keys(&[
        ":AAA", ":AAB", ":AAC", ":AAD", ":AAE", ":AAF", ":AAG", ":AAH",
    ])
    .entropy(350),
    Rule::token(
        "discord-webhook",
        "Discord webhook",
        DISCORD,
        Medium,
        &[
            Lit("discord.com/api/webhooks/"),
            Run(Digit, 17, 20),
            Lit("/"),
            Run(Url, 60, 80),
        ],
    ),
    Rule::token(
        "discord-webhook-old",
        "Discord webhook",
        DISCORD,
        Medium,
        &[
            Lit("discordapp.com/api/webhooks/"),
            Run(Digit, 17, 20),
            Lit("/"),
            Run(Url, 60, 80),
        ],
    ),
    Rule::named(
        "discord-bot-token",
        "Discord bot token",
        DISCORD,
        High,
        &["discord", "bottoken"],
        &[
            Run(Url, 23, 28),
            Lit("."),
            Run(Url, 6, 7),
            Lit("."),
            Run(Url, 27, 40),
        ],
    ),
    Rule::token(
        "facebook-token",
        "Facebook access token",
        FACEBOOK,
        High,
        &[Lit("EAA"), Run(Alnum, 90, 400)],
    )
    .keys(&[
        "EAAC", "EAAB", "EAAD", "EAAG", "EAAJ", "EAAM", "EAAE", "EAAP",
    ])
    .check(Check::Mixed)
    .own_files(),
    Rule::named(
        "facebook-secret",
        "Facebook application secret",
        FACEBOOK,
        High,
        &["facebook", "fbsecret", "fbappsecret"],
        HEX32,
    ),
    Rule::token(
        "postman-key",
        "Postman API key",
        POSTMAN,
        Medium,
        &[Lit("PMAK-"), Run(Hex, 24, 24), Lit("-"), Run(Hex, 34, 34)],
    ),
    Rule::token(
        "linear-key",
        "Linear API key",
        ("Linear", "the workspace's issues"),
        Medium,
        &[Lit("lin_api_"), Run(Alnum, 40, 40)],
    ),
    Rule::token(
        "notion-token",
        "Notion integration token",
        ("Notion", "the pages that were shared with it"),
        Medium,
        &[Lit("ntn_"), Run(Alnum, 46, 46)],
    ),
    Rule::token(
        "figma-token",
        "Figma personal access token",
        ("Figma", "its owner's files"),
        Medium,
        &[Lit("figd_"), Run(Url, 40, 60)],
    ),
    Rule::token(
        "dynatrace-token",
        "Dynatrace token",
        ("Dynatrace", "the environment's metrics and settings"),
        High,
        &[
            Lit("dt0c01."),
            Run(Upper, 24, 24),
            Lit("."),
            Run(Upper, 64, 64),
        ],
    ),
    Rule::token(
        "easypost-key",
        "EasyPost API key",
        ("EasyPost", "shipments at the account's cost"),
        Medium,
        &[Lit("EZAK"), Run(Alnum, 54, 54)],
    ),
    Rule::token(
        "adobe-secret",
        "Adobe client secret",
        ("Adobe", "the application's data"),
        Medium,
        &[Lit("p8e-"), Run(Url, 32, 32)],
    ),
    Rule::token(
        "prefect-key",
        "Prefect API key",
        ("Prefect", "the workspace's flows"),
        Medium,
        &[Lit("pnu_"), Run(Alnum, 36, 36)],
    ),
    Rule::token(
        "readme-key",
        "ReadMe API key",
        ("ReadMe", "the project's documentation"),
        Low,
        &[Lit("rdme_"), Run(Alnum, 70, 70)],
    ),
    Rule::token(
        "typeform-token",
        "Typeform token",
        ("Typeform", "forms and answers"),
        Medium,
        &[Lit("tfp_"), Run(Dotted, 59, 59)],
    ),
    Rule::token(
        "jwt",
        "signed token (JWT)",
        ("JSON Web Token", "whatever its issuer lets its holder do"),
        Medium,
        &[
            Lit("eyJ"),
            Run(Url, 14, 2000),
            Lit("."),
            Run(Url, 14, 4000),
            Lit("."),
            Run(Url, 40, 1000),
        ],
    )
    .keys(&[
        "eyJhbGci", "eyJ0eXAi", "eyJraWQi", "eyJ4NXQi", "eyJjdHki", "eyJqa3Ui",
    ])
    .check(Check::Jwt)
    .own_files(),
];
