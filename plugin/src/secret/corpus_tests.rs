//! Lines that must fire, and lines that must not. Secrets are put together when the tests run, from parts and
//! from characters drawn by a fixed seed, so that nothing that reads this file takes one for real.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use base64::Engine as _;

use super::*;

/// Draws characters, always the same.
pub(super) struct Lot(u64);

impl Lot {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33
    }

    pub(super) fn of(&mut self, letters: &str, count: usize) -> String {
        let letters = letters.as_bytes();
        (0..count)
            .map(|_| char::from(letters[(self.next() % letters.len() as u64) as usize]))
            .collect()
    }
}

pub(super) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGIT: &str = "0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A template with what is drawn in braces: `{a36}` letters and digits, `x` hex, `u` capital, `l` small, `b`
/// base 32, `d` digits, `s` base64; `{c}` the checksum of the thirty before it; `|` joins what must not stand
/// together in this file.
pub(super) fn draw(template: &str, seed: u64) -> String {
    let mut lot = Lot::new(seed + 7);
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(&before.replace('|', ""));
        let (what, behind) = after.split_once('}').unwrap();
        rest = behind;
        if what == "c" {
            let from = text.len() - 30;
            let sum = check::checksum(&text.as_bytes()[from..]);
            text.push_str(std::str::from_utf8(&sum).unwrap());
            continue;
        }
        let Some(count) = what
            .get(1..)
            .filter(|_| "axulbds".contains(&what[..1]))
            .and_then(|count| count.parse::<usize>().ok())
        else {
            // A brace of the text itself.
            text.push_str(&format!("{{{what}}}"));
            continue;
        };
        let letters = match &what[..1] {
            "a" => ALNUM,
            "x" => HEX,
            "u" => UPPER,
            "l" => LOWER,
            "b" => BASE32,
            "d" => DIGIT,
            "s" => BASE64,
            other => panic!("{other}"),
        };
        text.push_str(&lot.of(letters, count));
    }
    text.push_str(&rest.replace('|', ""));
    text
}

pub(super) fn hits(key: &str, text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let file = File {
        size: text.len() as u64,
        ..File::of_path(key)
    };
    if wants(&file) && recognises(&text.as_bytes()[..text.len().min(512)]) {
        read(&file, &mut text.as_bytes(), &mut hits).unwrap();
    }
    hits
}

/// File, template, rule.
pub(super) const FIRE: &[(&str, &str, &str)] = &[
    ("app/.env", "GITLAB_TOKEN=glp|at-{a20}", "gitlab-pat"),
    ("app/a.py", "t = 'glp|at-{a30}.01.{l9}'", "gitlab-pat"),
    ("app/notes.txt", "the token is glp|at-{a20}.", "gitlab-pat"),
    ("app/c.yml", "secret: glo|as-{x64}", "gitlab-oauth-secret"),
    ("app/c.yml", "t: gl|dt-{a20}", "gitlab-deploy-token"),
    (
        "etc/gitlab-runner/config.toml",
        "  token = \"gl|rt-{a20}\"",
        "gitlab-runner-token",
    ),
    (
        "etc/x.toml",
        "t = \"glrt|r-{a20}\"",
        "gitlab-runner-registration",
    ),
    (
        "app/x.sh",
        "gitlab-runner register -r GR134|8941{a20}",
        "gitlab-runner-registration-old",
    ),
    ("app/x.sh", "X=glc|bt-64_{a20}", "gitlab-job-token"),
    (
        "app/x.sh",
        "curl -F token=glp|tt-{x40} url",
        "gitlab-trigger-token",
    ),
    ("app/x.txt", "glf|t-{a20}", "gitlab-feed-token"),
    ("app/x.txt", "glim|t-{a25}", "gitlab-mail-token"),
    ("app/x.yaml", "token: glage|nt-{a50}", "gitlab-agent-token"),
    ("app/x.yaml", "token: glso|at-{a20}", "gitlab-scim-token"),
    (
        "app/x.yaml",
        "token: glffc|t-{a20}",
        "gitlab-feature-flags-token",
    ),
    ("root/.gitconfig", "token = gh|p_{a30}{c}", "github-pat"),
    (
        "app/x.yaml",
        "x: github|_pat_{a22}_{a59}",
        "github-fine-grained-pat",
    ),
    ("app/x.yaml", "x: gh|o_{a30}{c}", "github-oauth-token"),
    ("app/x.yaml", "x: gh|u_{a30}{c}", "github-app-user-token"),
    ("app/x.yaml", "x: gh|s_{a30}{c}", "github-app-token"),
    ("app/x.yaml", "x: gh|r_{a76}", "github-refresh-token"),
    ("app/x.yaml", "x: ATAT|T3xFfGF0{a60}", "atlassian-api-token"),
    (
        "app/x.yaml",
        "x: ATC|TT3xFfGF0{a60}",
        "atlassian-access-token",
    ),
    ("app/x.yaml", "x: AT|BB{a32}", "bitbucket-app-password"),
    ("app/.env", "JIRA_API_TOKEN={a24}", "jira-api-token"),
    (
        "root/.npmrc",
        "//registry.npmjs.org/:_authToken=np|m_{a30}{c}",
        "npm-token",
    ),
    (
        "root/.npmrc",
        "//registry.npmjs.org/:_authToken={x8}-{x4}-{x4}-{x4}-{x12}",
        "npm-auth-token-uuid",
    ),
    (
        "root/.pypirc",
        "password = py|pi-AgEIcHlwaS5vcmc{a100}",
        "pypi-token",
    ),
    ("root/.pypirc", "[pypi]\npassword = {a10}{d2}", "password"),
    (
        "root/.gem/credentials",
        ":rubygems_api_key: ruby|gems_{x48}",
        "rubygems-key",
    ),
    ("app/push.sh", "nuget push -k oy|2a{l42}", "nuget-key"),
    (
        "root/.cargo/credentials.toml",
        "[registry]\ntoken = \"ci|o{a32}\"",
        "crates-io-token",
    ),
    ("app/x.sh", "docker login -p dckr|_pat_{a27}", "docker-pat"),
    ("app/x.txt", "AGE-SECRET-|KEY-1{u58}", "age-key"),
    (
        "app/x.ini",
        "aws_access_key_id = AK|IA{b16}",
        "aws-access-key-id",
    ),
    ("app/x.ini", "id = AS|IA{b16}", "aws-temporary-key-id"),
    (
        "root/.aws/credentials",
        "aws_secret_access_key = {s40}",
        "aws-secret-access-key",
    ),
    (
        "app/a.js",
        "secretAccessKey: '{s40}',",
        "aws-secret-access-key",
    ),
    (
        "app/a.tf",
        "  secret_key = \"{s20}{d2}{s16}{d2}\"",
        "secret",
    ),
    ("app/a.js", "const k = 'AI|za{a35}'", "google-api-key"),
    (
        "app/a.json",
        "\"client_secret\":\"GOCS|PX-{a28}\"",
        "google-oauth-secret",
    ),
    ("app/a.py", "x='ya|29.{a100}'", "google-access-token"),
    ("app/a.py", "x='1/|/0{a80}'", "google-refresh-token"),
    (
        "app/appsettings.json",
        "\"c\": \"DefaultEndpointsProtocol=https;AccountName=x;Account|Key={s86}==;EndpointSuffix=core.windows.net\"",
        "azure-storage-key",
    ),
    (
        "app/.env",
        "AZURE_STORAGE_KEY={s86}==",
        "azure-storage-key-named",
    ),
    (
        "app/a.config",
        "Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccess|Key={s43}=",
        "azure-bus-key",
    ),
    ("app/.env", "X={a3}8Q|~{a34}", "azure-client-secret"),
    (
        "app/a.txt",
        "https://x.blob.core.windows.net/c?sv=2022-11-02&se=2030-01-01&sr=c&sp=r&si|g={a43}%3D",
        "azure-sas",
    ),
    ("app/.env", "VAULT_TOKEN=hv|s.{a90}", "vault-token"),
    ("app/.env", "X=hv|b.{a140}", "vault-batch-token"),
    ("app/.env", "VAULT_TOKEN=s.{a24}", "vault-token-old"),
    (
        "root/.terraformrc",
        "token = \"{a12}{d2}.atlas|v1.{a67}\"",
        "terraform-token",
    ),
    ("app/x.yaml", "t: dop|_v1_{x64}", "digitalocean-pat"),
    (
        "app/x.yaml",
        "t: v1.|0-{x24}-{x146}",
        "cloudflare-origin-key",
    ),
    ("app/.env", "CLOUDFLARE_API_TOKEN={a40}", "cloudflare-token"),
    ("app/.env", "CLOUDFLARE_API_KEY={x37}", "cloudflare-key"),
    (
        "app/.env",
        "HEROKU_API_KEY={x8}-{x4}-{x4}-{x4}-{x12}",
        "heroku-key-old",
    ),
    ("app/.env", "X=HRKU|-AA{a58}", "heroku-key"),
    ("app/.env", "X=da|pi{x32}", "databricks-token"),
    ("app/.env", "X=pu|l-{x40}", "pulumi-token"),
    ("app/.env", "X=xo|xb-{d12}-{d12}-{a24}", "slack-bot-token"),
    (
        "app/.env",
        "X=xo|xp-{d12}-{d12}-{d12}-{x32}",
        "slack-user-token",
    ),
    ("app/.env", "X=xa|pp-1-{u11}-{d13}-{x64}", "slack-app-token"),
    (
        "app/.env",
        "X=https://hooks.sl|ack.com/services/T{u9}/B{u9}/{a24}",
        "slack-webhook",
    ),
    ("app/.env", "X=sk_|live_{a24}", "stripe-live-key"),
    ("app/.env", "X=rk_|live_{a24}", "stripe-restricted-key"),
    ("app/.env", "X=wh|sec_{a32}", "stripe-webhook-secret"),
    ("app/.env", "TWILIO_AUTH_TOKEN={x32}", "twilio-auth-token"),
    ("app/.env", "TWILIO_API_KEY=SK{x32}", "twilio-api-key"),
    ("app/.env", "X=S|G.{a22}.{a43}", "sendgrid-key"),
    ("app/.env", "X=ke|y-{x32}", "mailgun-key"),
    ("app/.env", "X={x32}-u|s12", "mailgun-signed-key"),
    ("app/.env", "X=sk|-{a20}T3Blb|kFJ{a20}", "openai-key"),
    ("app/.env", "X=sk|-proj-{a60}T3Blb|kFJ{a60}", "openai-key"),
    ("app/.env", "X=sk|-ant-api03-{a93}AA", "anthropic-key"),
    ("app/.env", "X=h|f_{a34}", "huggingface-token"),
    ("app/.env", "X=gs|k_{a52}", "groq-key"),
    ("app/.env", "DD_API_KEY={x32}", "datadog-api-key"),
    ("app/.env", "DATADOG_APP_KEY={x40}", "datadog-app-key"),
    ("app/.env", "X=NR|AK-{u27}", "newrelic-user-key"),
    ("app/.env", "X={x36}NR|AL", "newrelic-licence-key"),
    ("app/.env", "X=gl|sa_{a32}_{x8}", "grafana-service-token"),
    ("app/.env", "X=gl|c_eyJ{a80}", "grafana-cloud-token"),
    ("app/.env", "X=sntry|u_{x64}", "sentry-user-token"),
    ("app/.env", "X=sntry|s_eyJ{a100}_{a43}", "sentry-org-token"),
    ("app/.env", "X=shp|at_{x32}", "shopify-access-token"),
    ("app/.env", "X=shp|ss_{x32}", "shopify-secret"),
    ("app/.env", "X=sq0|atp-{a22}", "square-access-token"),
    ("app/.env", "X=sq0|csp-{a43}", "square-secret"),
    (
        "app/.env",
        "X=access_|token$production${l16}${x32}",
        "braintree-token",
    ),
    ("app/.env", "X={d10}:A|AE{a32}", "telegram-bot-token"),
    (
        "app/.env",
        "X=https://discord.com/a|pi/webhooks/{d18}/{a68}",
        "discord-webhook",
    ),
    (
        "app/.env",
        "DISCORD_TOKEN=M{a23}.{a6}.{a27}",
        "discord-bot-token",
    ),
    ("app/.env", "X=EA|AC{a120}", "facebook-token"),
    ("app/.env", "FACEBOOK_APP_SECRET={x32}", "facebook-secret"),
    ("app/.env", "X=PM|AK-{x24}-{x34}", "postman-key"),
    (
        "app/.env",
        "DATABASE_URL=postg|res://app:{a12}{d2}@db.internal:5432/app",
        "database-url",
    ),
    (
        "app/a.py",
        "url = 'mysql://app:{a12}{d2}@10.0.0.5/app'",
        "database-url",
    ),
    (
        "app/x.yaml",
        "uri: mongodb+srv://app:{a12}{d2}@cluster0.abcde.mongodb.net/",
        "database-url",
    ),
    (
        "app/.env",
        "REDIS_URL=redis://:{a12}{d2}@cache:6379/0",
        "database-url",
    ),
    (
        "app/.env",
        "BROKER=amqp://svc:{a12}{d2}@mq:5672//",
        "database-url",
    ),
    (
        "root/.git-credentials",
        "https://deploy:{a20}@git.internal",
        "url-password",
    ),
    (
        "etc/pip.conf",
        "index-url = https://ci:{a14}{d2}@pypi.internal/simple",
        "url-password",
    ),
    (
        "root/.netrc",
        "machine git.internal login ci password {a10}{d2}",
        "password",
    ),
    ("root/.pgpass", "db.internal:5432:*:app:{a10}{d2}", "pgpass"),
    (
        "etc/nginx/.htpasswd",
        "admin:$apr|1${a8}${a22}",
        "htpasswd-apr1",
    ),
    (
        "etc/nginx/.htpasswd",
        "admin:$2|y$05${a53}",
        "htpasswd-bcrypt",
    ),
    ("app/.env", "DB_PASSWORD={a8}{d2}", "password"),
    ("app/.env", "export DB_PASSWORD=\"{a8}{d2}\"", "password"),
    ("app/config.ini", "[db]\npassword = {a10}{d2}", "password"),
    ("app/config.yml", "db:\n  password: {a10}{d2}\n", "password"),
    (
        "app/config.yml",
        "db:\n  password: '{a6}!{a6}'\n",
        "password",
    ),
    (
        "app/app.properties",
        "spring.datasource.password={a10}{d2}",
        "password",
    ),
    (
        "app/server.xml",
        "<password>{a10}{d2}</password>",
        "password",
    ),
    (
        "app/web.config",
        "<add key=\"DbPassword\" value=\"{a10}{d2}\"/>",
        "password",
    ),
    (
        "app/server.xml",
        "<Resource username=\"x\" password=\"{a10}{d2}\" />",
        "password",
    ),
    (
        "app/wp-config.php",
        "define( 'DB_PASSWORD', '{a10}{d2}' );",
        "password",
    ),
    (
        "app/settings.py",
        "DATABASE_PASSWORD = '{a14}{d2}'",
        "password",
    ),
    ("app/x.rb", ":password => '{a14}{d2}'", "password"),
    ("app/main.go", "password := \"{a14}{d2}\"", "password"),
    ("app/x.sh", "mysql --password={a10}{d2} db", "password"),
    ("app/x.sh", "deploy --token {a10}{d2}{a10}{d2}", "secret"),
    ("app/.env", "SECRET_KEY={a32}", "secret"),
    ("app/.env", "API_KEY={x32}", "secret"),
    ("app/x.yaml", "apiKey: {a32}", "secret"),
    (
        "app/x.yaml",
        "client_secret: {x8}-{x4}-{x4}-{x4}-{x12}",
        "secret",
    ),
    ("app/settings.py", "SECRET_KEY = '{a50}'", "secret"),
    ("app/.env", "SECRET_KEY_BASE={x128}", "rails-secret"),
    ("app/.env", "JWT_SECRET_PROD={a32}", "secret"),
    ("app/x.http", "Authorization: Bearer {a40}", "bearer-header"),
    ("app/a.min.txt", "sha256|~{a43}", "openshift-token"),
    (
        "opt/app/node_modules/x/.env",
        "X=glp|at-{a20}",
        "gitlab-pat",
    ),
    ("usr/src/app/config.yml", "password: {a10}{d2}", "password"),
];

/// File and template.
const SILENT: &[(&str, &str)] = &[
    ("app/x.ini", "id = AK|IAIOSFODNN7EXAMPLE"),
    (
        "app/x.ini",
        "aws_secret_access_key = wJalr|XUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("app/.env", "X=glp|at-xxxxxxxxxxxxxxxxxxxx"),
    ("app/.env", "X=glp|at-<your-token-goes-here>"),
    ("app/.env", "X=glp|at-${TOKEN}"),
    ("app/.env", "X=glp|at-{a12}"),
    ("app/.env", "X=agl|pat-{a20}"),
    ("app/.env", "X=gh|p_{a36}"),
    ("app/.env", "X=np|m_{a36}"),
    ("app/.env", "X=gh|p_abcdefghijklmnopqrstuvwxyz0123456789"),
    (
        "app/x.js",
        "npm_config_registry_url_and_other_things_that_are_long",
    ),
    ("app/.env", "X=AK|IA{b15}"),
    ("app/.env", "X=AK|IA{b17}"),
    ("app/.env", "X=AK|IAAAAAAAAAAAAAAAAA"),
    ("app/.env", "X=sk_|test_{a24}"),
    ("app/.env", "X=sk|-ant-api03-your-key-here"),
    ("app/.env", "X=S|G.something.else"),
    ("app/.env", "X=hv|s.short"),
    ("app/x.txt", "T3Blb|kFJ is a marker"),
    ("app/.env", "PASSWORD="),
    ("app/.env", "PASSWORD=password"),
    ("app/.env", "PASSWORD=changeme"),
    ("app/.env", "PASSWORD=changeme123"),
    ("app/.env", "PASSWORD=${DB_PASSWORD}"),
    ("app/.env", "PASSWORD=$DB_PASSWORD"),
    ("app/.env", "PASSWORD=<password>"),
    ("app/.env", "PASSWORD=xxxxxxxx"),
    ("app/.env", "PASSWORD=********"),
    ("app/.env", "PASSWORD=your-password-here1"),
    ("app/.env", "PASSWORD_FILE=/run/secrets/db1"),
    ("app/.env", "DB_PASSWORD=/run/secrets/db1"),
    ("app/.env", "TOKEN=your_token_here_123"),
    ("app/.env", "TOKEN_URL=https://idp.internal/oauth2/v1/token"),
    ("app/.env", "SECRET_NAME=my-app-secret-v2"),
    ("app/.env", "CSRF_TOKEN={a32}"),
    ("app/.env", "PUBLIC_KEY={a64}"),
    ("app/x.yaml", "password: \"{{ .Values.db.password }}\""),
    ("app/x.yaml", "password: {{ db_password }}"),
    ("app/x.yaml", "password: !vault |"),
    ("app/x.yaml", "password: !Ref DbPassword1"),
    ("app/x.yaml", "password: $ANSIBLE_PASSWORD1"),
    ("app/x.yaml", "password: string"),
    ("app/x.yaml", "password: true"),
    ("app/x.yaml", "passwordSecretRef: db-credentials-7"),
    ("app/x.yaml", "secretName: registry-pull-secret-2"),
    ("app/x.yaml", "existingSecret: postgres-credentials-v2"),
    ("app/x.yaml", "imagePullSecret: regcred-2024-01-prod"),
    ("app/x.yaml", "token: kubernetes.io/service-account-token"),
    ("app/x.yaml", "next_token: {a32}"),
    ("app/x.yaml", "max_token: 4096"),
    ("app/x.json", "\"eos_token\": \"<|endoftext|>\""),
    ("app/x.json", "\"password\": \"Passwort eingeben 1\""),
    ("app/x.json", "\"password\": \"Kennwort\""),
    ("app/x.json", "\"token_type\": \"bearer-token-type-2\""),
    ("app/x.json", "\"integrity\": \"sha512-{s86}==\""),
    (
        "app/x.json",
        "\"resolved\": \"https://registry.npmjs.org/a/-/a-1.0.0.tgz\"",
    ),
    ("app/package-lock.json", "\"token\": \"glp|at-{a20}\""),
    ("app/yarn.lock", "glp|at-{a20}"),
    ("app/go.sum", "k8s.io/api v0.1 h1:glp|at-{a20}="),
    ("app/Cargo.lock", "checksum = \"{x64}\""),
    ("app/a.min.js", "password=\"{a12}\""),
    ("app/a.map", "password=\"{a12}\""),
    ("app/a.svg", "password=\"{a12}\""),
    ("app/a.css", "password=\"{a12}\""),
    ("app/a.crt", "glp|at-{a20}"),
    ("app/tests/conf.yml", "password: {a12}"),
    ("app/testdata/key.pem", "glp|at-{a20}"),
    ("app/examples/conf.yml", "password: {a12}"),
    ("app/__tests__/a.js", "password = '{a12}'"),
    ("usr/share/doc/x/conf.yml", "password: {a12}"),
    (
        "usr/lib/python3/dist-packages/x/tests/a.py",
        "password = '{a12}'",
    ),
    ("usr/lib/python3.11/urllib/request.py", "password='{a12}'"),
    (
        "usr/local/lib/python3.12/site-packages/x/a.py",
        "password='{a16}'",
    ),
    ("app/node_modules/x/a.js", "password='{a16}'"),
    (
        "app/node_modules/x/a.js",
        "url='https://user:{a16}@host.internal/'",
    ),
    ("app/node_modules/x/README.md", "glp|at-{a20}"),
    ("app/.env.example", "PASSWORD={a12}"),
    ("app/config.sample.yml", "password: {a12}"),
    ("app/a.py", "password = get_password(user1)"),
    ("app/a.py", "password = os.environ['PASSWORD1']"),
    ("app/a.py", "password == 'Tr0ub4dor&3xyz'"),
    ("app/a.py", "if token == '{a32}':"),
    ("app/a.py", "password = 'password123'"),
    ("app/a.py", "password = 'test1234!'"),
    ("app/a.py", "password = None"),
    ("app/a.py", "def f(password: str = '')"),
    ("app/a.py", "SECRET_KEY = 'django-insecure-example-key-1'"),
    ("app/a.py", "self.token = token_factory.create(1)"),
    ("app/a.js", "const token = tokens[index + 1]"),
    ("app/a.js", "passwordLabel: 'Your password 1'"),
    ("app/a.js", "token: 'function-name-with-words-2'"),
    ("app/a.go", "password := os.Getenv(\"DB_PASSWORD1\")"),
    ("app/a.java", "private String password;"),
    ("app/a.java", "token = \"com.acme.security.TokenProvider2\""),
    ("app/a.sh", "PASSWORD=$(cat /run/secrets/x1)"),
    ("app/a.sh", "read -s -p 'Password: ' password"),
    ("app/a.sh", "curl -H \"Authorization: Bearer $TOKEN\""),
    ("app/a.sh", "curl -H \"Authorization: Bearer <token>\""),
    ("app/x.md", "Set `password: hunter22abc` in the file."),
    ("app/x.txt", "postgres://user:password@localhost/db"),
    ("app/x.txt", "postgres://postgres:postgres@db/x"),
    ("app/x.txt", "amqp://guest:guest@localhost"),
    ("app/x.txt", "https://user:pass@example.com/"),
    ("app/x.txt", "https://username:{a12}@example.org/"),
    ("app/x.txt", "http://foo:bar@proxy:3128"),
    ("app/x.yaml", "url: postgres://$(USER):$(PASS)@db/x"),
    ("app/x.yaml", "url: postgres://{user}:{password}@db/x"),
    ("app/x.txt", "https://git.internal/a:b@c"),
    ("app/x.txt", "https://host:8080/path@2x.png"),
    ("app/x.txt", "ssh://git@git.internal:22/x"),
    ("app/x.yaml", "sig=abc&sv=1"),
    ("app/.env", "GPG_KEY={u40}"),
    ("app/.env", "SHA256={x64}"),
    ("app/x.yaml", "id: {x8}-{x4}-{x4}-{x4}-{x12}"),
    ("app/x.yaml", "commit: {x40}"),
    ("app/x.yaml", "sum: {x32}-us"),
    ("app/x.yaml", "image: registry.internal/a@sha256:{x64}"),
    (
        "app/x.txt",
        "-----BEGIN CERTIFICATE-----\n{s64}\n-----END CERTIFICATE-----",
    ),
    (
        "app/x.txt",
        "-----BEGIN PUBLIC KEY-----\n{s64}\n-----END PUBLIC KEY-----",
    ),
    (
        "app/x.txt",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
    ),
    (
        "app/x.py",
        "if data.startswith('-----BEGIN RSA PRIVATE KEY-----'):",
    ),
    ("app/x.txt", "$ANSIBLE_VAULT;1.1;AES256\n{x80}"),
    (
        "root/.netrc",
        "machine git.internal login ci password $PASSWORD",
    ),
    ("root/.pgpass", "localhost:5432:*:postgres:password"),
    ("root/.pgpass", "#hostname:port:database:username:{a12}"),
    ("etc/passwd", "root:x:0:0:root:/root:/bin/bash"),
    ("etc/login.defs", "PASS_MAX_DAYS   99999"),
    ("etc/adduser.conf", "#PASSWD=x1y2z3"),
    ("app/x.txt", "tokens and passwords: a guide to 2FA1"),
    ("app/x.yaml", "bypass: abc1234def"),
    ("app/x.log", "token=abc"),
    ("app/x.yaml", "auth: basic-auth-user1"),
    ("app/config.json", "\"auth\": \"none\""),
    ("etc/ssl/private/ssl-cert-snakeoil.key", "glp|at-{a20}"),
];

#[test]
fn lines_with_secrets_fire_by_the_right_rule() {
    let mut wrong = Vec::new();
    for (index, (key, template, rule)) in FIRE.iter().enumerate() {
        for round in 0..20 {
            let text = draw(template, (index * 20 + round) as u64);
            let found: Vec<String> = hits(key, &text).into_iter().map(|hit| hit.rule).collect();
            if found != [*rule] {
                wrong.push(format!(
                    "{key}: {template}: {found:?} instead of {rule} ({text})"
                ));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_without_secrets_are_silent() {
    let mut wrong = Vec::new();
    for (index, (key, template)) in SILENT.iter().enumerate() {
        let text = draw(template, index as u64);
        let found = hits(key, &text);
        if !found.is_empty() {
            wrong.push(format!("{key}: {text}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(FIRE.len() + SILENT.len() >= 150);
}

#[test]
fn json_with_braces_is_read() {
    let password = draw("{a12}", 3);
    let text = ["{\"db\": {\"password\": \"", &password, "\"}}"].concat();
    assert_eq!(hits("app/config.json", &text)[0].rule, "password");
    let token = draw("glp|at-{a20}", 1);
    let escaped = ["{\"x\":\"{\\\"token\\\":\\\"", &token, "\\\"}\"}"].concat();
    assert_eq!(hits("app/config.json", &escaped)[0].rule, "gitlab-pat");
}

#[test]
fn credentials_in_base64_are_read() {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let right = encode(&draw("ci-user:{a16}", 5));
    let docker = format!("{{\"auths\":{{\"registry.internal\":{{\"auth\": \"{right}\"}}}}}}");
    assert_eq!(
        hits("root/.docker/config.json", &docker)[0].rule,
        "docker-auth"
    );
    assert_eq!(
        hits("root/.npmrc", &format!("//r.internal/:_auth={right}"))[0].rule,
        "docker-auth"
    );
    assert_eq!(
        hits(
            "app/x.sh",
            &format!("curl -H 'Authorization: Basic {right}' u")
        )[0]
        .rule,
        "basic-header"
    );
    let wrong = encode("user:password");
    let docker = format!("{{\"auths\":{{\"r\":{{\"auth\": \"{wrong}\"}}}}}}");
    assert!(hits("root/.docker/config.json", &docker).is_empty());
}

#[test]
fn signed_tokens_are_told_from_those_of_tutorials() {
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let make = |header: &str, claims: &str| {
        format!("{}.{}.{}", encode(header), encode(claims), draw("{a43}", 9))
    };
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let real = make(
        header,
        r#"{"sub":"svc-4711","iss":"idp.internal","iat":1700000000}"#,
    );
    assert_eq!(hits("app/a.txt", &real)[0].rule, "jwt");
    assert_eq!(
        hits("root/.kube/config", &format!("    token: {real}"))[0].rule,
        "jwt"
    );
    let tutorial = make(
        header,
        r#"{"sub":"1234567890","name":"John Doe","iat":1516239022}"#,
    );
    assert!(hits("app/a.txt", &tutorial).is_empty());
    let unsigned = make(r#"{"alg":"none"}"#, r#"{"sub":"svc-4711"}"#);
    assert!(hits("app/a.txt", &unsigned).is_empty());
    assert!(hits("app/node_modules/x/a.js", &real).is_empty());
}

/// A private key of a form, with noise in the place of its numbers.
pub(super) fn pem(label: &str, head: &[u8], seed: u64) -> String {
    let mut bytes = head.to_vec();
    bytes.extend(
        Lot::new(seed)
            .of(BASE64, 400)
            .bytes()
            .map(|byte| byte.wrapping_mul(37)),
    );
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .map(|at| &text[at..(at + 64).min(text.len())])
        .collect();
    let rule = "-".repeat(5);
    format!(
        "{rule}BEGIN {label}{rule}\n{}\n{rule}END {label}{rule}\n",
        lines.join("\n")
    )
}

#[test]
fn private_keys_of_all_kinds_are_found_and_locked_ones_matter_less() {
    let der = [0x30, 0x82, 0x04, 0xA4, 0x02, 0x01, 0x00];
    let open = b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none";
    let shut = b"openssh-key-v1\0\0\0\0\x0aaes256-ctr\0\0\0\x06bcrypt";
    for (label, head, rule) in [
        ("RSA PRIVATE KEY", &der[..], "private-key"),
        ("EC PRIVATE KEY", &der, "private-key"),
        ("PRIVATE KEY", &der, "private-key"),
        ("ENCRYPTED PRIVATE KEY", &der, "private-key-locked"),
        ("OPENSSH PRIVATE KEY", open, "private-key"),
        ("OPENSSH PRIVATE KEY", shut, "private-key-locked"),
        ("PGP PRIVATE KEY BLOCK", &[0x95, 0x01], "private-key"),
    ] {
        let text = pem(label, head, 4);
        let found = hits("root/.ssh/id_rsa", &format!("\n{text}"));
        assert_eq!(found.len(), 1, "{label}");
        assert_eq!(
            (found[0].rule.as_str(), found[0].line),
            (rule, 2),
            "{label}"
        );
        // On one line, as in JSON and variables.
        let line = text.replace('\n', "\\n");
        assert_eq!(
            hits("app/.env", &format!("KEY=\"{line}\""))[0].rule,
            rule,
            "{label}"
        );
        let json = format!(
            "{{\"type\":\"service_account\",\"private_key_id\":\"x\",\"private_key\":\"{line}\"}}"
        );
        let rule = if rule == "private-key" {
            "gcp-service-account-key"
        } else {
            rule
        };
        assert_eq!(hits("app/a.json", &json)[0].rule, rule, "{label}");
    }
    let old = pem("RSA PRIVATE KEY", &[7, 8, 9], 5).replacen(
        '\n',
        "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB12\n\n",
        1,
    );
    assert_eq!(hits("root/k.pem", &old)[0].rule, "private-key-locked");
    // Noise of no form is none.
    assert!(hits("root/k.pem", &pem("RSA PRIVATE KEY", &[7, 8, 9], 5)).is_empty());
    let encoded = base64::engine::general_purpose::STANDARD.encode(pem("RSA PRIVATE KEY", &der, 6));
    assert_eq!(
        hits("root/.kube/config", &format!("client-key-data: {encoded}"))[0].rule,
        "private-key-encoded"
    );
}
