//! Secrets of cloud providers and of what runs in them.

use super::Class::{Alnum, AnyHex, Base32, Base64, Dotted, Hex, Lower, Percent, Tilde, Upper, Url};
use super::Part::{Any, Lit, Run};
use super::Severity::{Critical, High, Low, Medium};
use super::{Check, Rule};

type Vendor = (&'static str, &'static str);

const AWS: Vendor = ("AWS", "the AWS account with the rights of its user");
const GOOGLE: Vendor = (
    "Google",
    "the Google Cloud project or the Google account that it was made for",
);
const AZURE: Vendor = (
    "Azure",
    "the Azure resources of the application or account that it was made for",
);
const HASHICORP: Vendor = (
    "HashiCorp",
    "what its policies allow in Vault or Terraform Cloud: other secrets, as a rule",
);
const DIGITALOCEAN: Vendor = ("DigitalOcean", "the DigitalOcean account of its owner");
const CLOUDFLARE: Vendor = (
    "Cloudflare",
    "the zones and settings of the Cloudflare account",
);
const HEROKU: Vendor = ("Heroku", "the Heroku account of its owner");
const ALIBABA: Vendor = (
    "Alibaba Cloud",
    "the Alibaba Cloud account with the rights of its user",
);

const UUID: &[super::Part] = &[
    Run(AnyHex, 8, 8),
    Lit("-"),
    Run(AnyHex, 4, 4),
    Lit("-"),
    Run(AnyHex, 4, 4),
    Lit("-"),
    Run(AnyHex, 4, 4),
    Lit("-"),
    Run(AnyHex, 12, 12),
];

pub(super) static RULES: &[Rule] = &[
    Rule::token(
        "aws-access-key-id",
        "AWS access key id",
        AWS,
        Medium,
        &[Lit("AKIA"), Run(Base32, 16, 16)],
    ),
    Rule::token(
        "aws-temporary-key-id",
        "AWS temporary access key id",
        AWS,
        Low,
        &[Lit("ASIA"), Run(Base32, 16, 16)],
    ),
    Rule::token(
        "aws-bearer-key",
        "AWS STS service bearer token",
        AWS,
        Medium,
        &[Lit("ABIA"), Run(Base32, 16, 16)],
    ),
    Rule::token(
        "aws-context-key",
        "AWS context-specific credential",
        AWS,
        Medium,
        &[Lit("ACCA"), Run(Base32, 16, 16)],
    ),
    Rule::named(
        "aws-secret-access-key",
        "AWS secret access key",
        AWS,
        Critical,
        &["awssecret", "secretaccesskey", "s3secret"],
        &[Run(Base64, 40, 40)],
    )
    .entropy(380),
    Rule::token(
        "aws-bedrock-key",
        "Amazon Bedrock API key",
        AWS,
        High,
        &[Lit("ABSK"), Run(Base64, 109, 269)],
    ),
    Rule::token(
        "aws-mws-token",
        "Amazon MWS auth token",
        AWS,
        High,
        &[
            Lit("amzn.mws."),
            Run(Hex, 8, 8),
            Lit("-"),
            Run(Hex, 4, 4),
            Lit("-"),
            Run(Hex, 4, 4),
            Lit("-"),
            Run(Hex, 4, 4),
            Lit("-"),
            Run(Hex, 12, 12),
        ],
    ),
    Rule::token(
        "google-api-key",
        "Google API key",
        GOOGLE,
        Medium,
        &[Lit("AIza"), Run(Url, 35, 35)],
    ),
    Rule::token(
        "google-oauth-secret",
        "Google OAuth client secret",
        GOOGLE,
        High,
        &[Lit("GOCSPX-"), Run(Url, 28, 28)],
    ),
    Rule::token(
        "google-access-token",
        "Google OAuth access token",
        GOOGLE,
        Low,
        &[Lit("ya29."), Run(Url, 60, 1024)],
    ),
    Rule::token(
        "google-refresh-token",
        "Google OAuth refresh token",
        GOOGLE,
        High,
        &[Lit("1//0"), Run(Url, 60, 200)],
    )
    .check(Check::Mixed),
    Rule::token(
        "azure-storage-key",
        "Azure storage account key",
        AZURE,
        Critical,
        &[Any("AccountKey="), Run(Base64, 86, 86), Lit("==")],
    ),
    Rule::named(
        "azure-storage-key-named",
        "Azure storage account key",
        AZURE,
        Critical,
        &[
            "accountkey",
            "storagekey",
            "storageaccesskey",
            "azurestorage",
        ],
        &[Run(Base64, 86, 86), Lit("==")],
    ),
    Rule::token(
        "azure-bus-key",
        "Azure shared access key",
        AZURE,
        High,
        &[Any("SharedAccessKey="), Run(Base64, 43, 43), Lit("=")],
    ),
    Rule::token(
        "azure-client-secret",
        "Azure AD client secret",
        AZURE,
        Critical,
        &[Lit("8Q~"), Run(Tilde, 31, 34)],
    )
    .after(Tilde, 3, 3),
    Rule::token(
        "azure-client-secret-7",
        "Azure AD client secret",
        AZURE,
        Critical,
        &[Lit("7Q~"), Run(Tilde, 31, 34)],
    )
    .after(Tilde, 3, 3),
    Rule::named(
        "azure-client-secret-named",
        "Azure AD client secret",
        AZURE,
        Critical,
        &["azureclientsecret", "armclientsecret", "aadclientsecret"],
        &[Run(Tilde, 30, 44)],
    ),
    Rule::token(
        "azure-sas",
        "Azure shared access signature",
        AZURE,
        High,
        &[Lit("sig="), Run(Percent, 43, 60)],
    )
    .check(Check::Sas),
    Rule::token(
        "vault-token",
        "HashiCorp Vault service token",
        HASHICORP,
        High,
        &[Lit("hvs."), Run(Url, 24, 300)],
    ),
    Rule::token(
        "vault-batch-token",
        "HashiCorp Vault batch token",
        HASHICORP,
        High,
        &[Lit("hvb."), Run(Url, 90, 400)],
    ),
    Rule::token(
        "vault-recovery-token",
        "HashiCorp Vault recovery token",
        HASHICORP,
        High,
        &[Lit("hvr."), Run(Url, 24, 300)],
    ),
    Rule::named(
        "vault-token-old",
        "HashiCorp Vault token",
        HASHICORP,
        High,
        &["vaulttoken"],
        &[Lit("s."), Run(Alnum, 24, 24)],
    ),
    Rule::token(
        "terraform-token",
        "Terraform Cloud API token",
        HASHICORP,
        High,
        &[Lit(".atlasv1."), Run(Url, 60, 80)],
    )
    .after(Alnum, 14, 14),
    Rule::token(
        "digitalocean-pat",
        "DigitalOcean personal access token",
        DIGITALOCEAN,
        Critical,
        &[Lit("dop_v1_"), Run(Hex, 64, 64)],
    ),
    Rule::token(
        "digitalocean-oauth-token",
        "DigitalOcean OAuth token",
        DIGITALOCEAN,
        High,
        &[Lit("doo_v1_"), Run(Hex, 64, 64)],
    ),
    Rule::token(
        "digitalocean-refresh-token",
        "DigitalOcean refresh token",
        DIGITALOCEAN,
        High,
        &[Lit("dor_v1_"), Run(Hex, 64, 64)],
    ),
    Rule::token(
        "cloudflare-origin-key",
        "Cloudflare origin CA key",
        CLOUDFLARE,
        High,
        &[Lit("v1.0-"), Run(Hex, 24, 24), Lit("-"), Run(Hex, 146, 146)],
    ),
    Rule::named(
        "cloudflare-token",
        "Cloudflare API token",
        CLOUDFLARE,
        High,
        &["cloudflare", "cfapitoken", "cftoken"],
        &[Run(Url, 40, 40)],
    )
    .check(Check::Mixed),
    Rule::named(
        "cloudflare-key",
        "Cloudflare global API key",
        CLOUDFLARE,
        Critical,
        &["cloudflare", "cfapikey"],
        &[Run(Hex, 37, 37)],
    ),
    Rule::token(
        "heroku-key",
        "Heroku API key",
        HEROKU,
        High,
        &[Lit("HRKU-AA"), Run(Url, 58, 58)],
    ),
    Rule::named(
        "heroku-key-old",
        "Heroku API key",
        HEROKU,
        High,
        &["heroku"],
        UUID,
    ),
    Rule::token(
        "alibaba-key-id",
        "Alibaba Cloud access key id",
        ALIBABA,
        Medium,
        &[Lit("LTAI"), Run(Alnum, 20, 20)],
    )
    .check(Check::Mixed),
    Rule::named(
        "alibaba-secret",
        "Alibaba Cloud access key secret",
        ALIBABA,
        Critical,
        &["alibaba", "aliyun", "ossaccesskeysecret"],
        &[Run(Alnum, 30, 30)],
    )
    .check(Check::Mixed),
    Rule::token(
        "databricks-token",
        "Databricks personal access token",
        ("Databricks", "the data and clusters of the workspace"),
        High,
        &[Lit("dapi"), Run(Hex, 32, 32)],
    ),
    Rule::token(
        "pulumi-token",
        "Pulumi access token",
        (
            "Pulumi",
            "the state of the infrastructure, with its secrets",
        ),
        High,
        &[Lit("pul-"), Run(Hex, 40, 40)],
    ),
    Rule::token(
        "flyio-token",
        "Fly.io access token",
        ("Fly.io", "the applications of the organisation"),
        High,
        &[Lit("FlyV1 fm2_"), Run(super::Class::Padded, 100, 2000)],
    ),
    Rule::token(
        "planetscale-password",
        "PlanetScale database password",
        ("PlanetScale", "the database"),
        High,
        &[Lit("pscale_pw_"), Run(Dotted, 32, 64)],
    ),
    Rule::token(
        "planetscale-token",
        "PlanetScale service token",
        ("PlanetScale", "the databases of the organisation"),
        High,
        &[Lit("pscale_tkn_"), Run(Dotted, 32, 64)],
    ),
    Rule::token(
        "doppler-token",
        "Doppler token",
        ("Doppler", "the secrets that are kept there"),
        High,
        &[Lit("dp.pt."), Run(Alnum, 40, 44)],
    ),
    Rule::token(
        "doppler-service-token",
        "Doppler service token",
        ("Doppler", "the secrets that are kept there"),
        High,
        &[Lit("dp.st."), Run(Dotted, 40, 100)],
    ),
    Rule::token(
        "onepassword-token",
        "1Password service account token",
        ("1Password", "the vaults that it was made for"),
        Critical,
        &[Lit("ops_eyJ"), Run(super::Class::Padded, 200, 2000)],
    ),
    Rule::token(
        "openshift-token",
        "OpenShift access token",
        ("OpenShift", "the cluster in its user's name"),
        High,
        &[Lit("sha256~"), Run(Url, 43, 43)],
    ),
    Rule::token(
        "yandex-key",
        "Yandex Cloud API key",
        (
            "Yandex Cloud",
            "the cloud with the rights of its service account",
        ),
        High,
        &[Lit("AQVN"), Run(Url, 35, 38)],
    )
    .check(Check::Mixed),
    Rule::token(
        "ibm-key-named",
        "IBM Cloud API key",
        ("IBM Cloud", "the cloud account of its owner"),
        High,
        &[Any("ibmcloud_api_key="), Run(Url, 44, 44)],
    ),
    Rule::token(
        "okta-token",
        "Okta API token",
        ("Okta", "the accounts of the organisation"),
        Critical,
        &[Any("SSWS "), Run(Url, 42, 42)],
    ),
    Rule::token(
        "linode-token-named",
        "Linode API token",
        ("Linode", "the Linode account of its owner"),
        High,
        &[Any("linode_token="), Run(Hex, 64, 64)],
    ),
    Rule::token(
        "scaleway-secret",
        "Scaleway access key",
        ("Scaleway", "the Scaleway project"),
        Low,
        &[Lit("SCWX"), Run(Upper, 16, 16)],
    ),
    Rule::token(
        "tailscale-key",
        "Tailscale key",
        ("Tailscale", "the private network"),
        High,
        &[Lit("tskey-"), Run(Lower, 3, 12), Lit("-"), Run(Url, 20, 80)],
    ),
];
