//! Groups of well-known artifacts whose archives do not state it: those that are not built by Maven itself.
//! Advisories name group and artifact, so without the group nothing would be found about them.

/// Artifacts by their group.
const ARTIFACTS: &[(&str, &[&str])] = &[
    ("antlr", &["antlr"]),
    ("aopalliance", &["aopalliance"]),
    ("cglib", &["cglib", "cglib-nodep"]),
    ("com.google.code.findbugs", &["jsr305"]),
    ("com.google.code.gson", &["gson"]),
    ("com.google.crypto.tink", &["tink"]),
    ("com.google.guava", &["guava"]),
    ("com.google.inject", &["guice"]),
    ("com.google.protobuf", &["protobuf-java"]),
    ("com.h2database", &["h2"]),
    ("com.mysql", &["mysql-connector-j"]),
    (
        "com.oracle.database.jdbc",
        &["ojdbc6", "ojdbc7", "ojdbc8", "ojdbc10", "ojdbc11"],
    ),
    (
        "com.squareup.retrofit2",
        &[
            "converter-gson",
            "converter-jackson",
            "converter-moshi",
            "converter-scalars",
        ],
    ),
    ("com.squareup.okio", &["okio", "okio-jvm"]),
    ("com.thoughtworks.xstream", &["xstream"]),
    ("commons-beanutils", &["commons-beanutils"]),
    ("commons-cli", &["commons-cli"]),
    ("commons-codec", &["commons-codec"]),
    ("commons-collections", &["commons-collections"]),
    ("commons-dbcp", &["commons-dbcp"]),
    ("commons-digester", &["commons-digester"]),
    ("commons-fileupload", &["commons-fileupload"]),
    ("commons-httpclient", &["commons-httpclient"]),
    ("commons-io", &["commons-io"]),
    ("commons-lang", &["commons-lang"]),
    ("commons-logging", &["commons-logging"]),
    ("commons-net", &["commons-net"]),
    ("commons-pool", &["commons-pool"]),
    ("commons-validator", &["commons-validator"]),
    ("io.projectreactor", &["reactor-core"]),
    ("javax.activation", &["activation"]),
    ("javax.jdo", &["jdo-api"]),
    ("javax.mail", &["mail"]),
    ("javax.servlet", &["servlet-api", "jstl"]),
    ("javax.servlet.jsp", &["jsp-api"]),
    ("javax.transaction", &["jta", "transaction-api"]),
    ("junit", &["junit"]),
    ("log4j", &["log4j"]),
    ("mysql", &["mysql-connector-java"]),
    ("net.java.dev.jna", &["jna", "jna-platform"]),
    ("net.sf.jasperreports", &["jasperreports"]),
    ("org.antlr", &["antlr-runtime"]),
    ("org.apache.ant", &["ant", "ant-launcher", "ant-junit"]),
    (
        "org.apache.commons",
        &[
            "commons-collections4",
            "commons-compress",
            "commons-configuration2",
            "commons-csv",
            "commons-dbcp2",
            "commons-email",
            "commons-exec",
            "commons-jexl3",
            "commons-lang3",
            "commons-math3",
            "commons-pool2",
            "commons-text",
            "commons-vfs2",
        ],
    ),
    (
        "org.apache.derby",
        &[
            "derby",
            "derbyclient",
            "derbynet",
            "derbyshared",
            "derbytools",
        ],
    ),
    ("org.apache.ivy", &["ivy"]),
    (
        "org.apache.kafka",
        &[
            "connect-api",
            "connect-json",
            "connect-runtime",
            "kafka-clients",
            "kafka-metadata",
            "kafka-raft",
            "kafka-server",
            "kafka-server-common",
            "kafka-storage",
            "kafka-streams",
            "kafka-tools",
        ],
    ),
    (
        "org.apache.poi",
        &[
            "poi",
            "poi-excelant",
            "poi-ooxml",
            "poi-ooxml-lite",
            "poi-ooxml-schemas",
            "poi-scratchpad",
        ],
    ),
    ("org.apache.thrift", &["libthrift", "libfb303"]),
    ("org.apache.xmlbeans", &["xmlbeans"]),
    ("org.apache.zookeeper", &["zookeeper"]),
    (
        "org.aspectj",
        &["aspectjrt", "aspectjtools", "aspectjweaver"],
    ),
    ("org.bouncycastle", &["bc-fips"]),
    (
        "org.codehaus.jackson",
        &[
            "jackson-core-asl",
            "jackson-jaxrs",
            "jackson-mapper-asl",
            "jackson-xc",
        ],
    ),
    ("org.elasticsearch", &["elasticsearch"]),
    ("org.flywaydb", &["flyway-core"]),
    ("org.freemarker", &["freemarker"]),
    ("org.hamcrest", &["hamcrest", "hamcrest-core"]),
    (
        "org.jetbrains.kotlin",
        &[
            "kotlin-compiler",
            "kotlin-reflect",
            "kotlin-script-runtime",
            "kotlin-stdlib",
            "kotlin-stdlib-common",
            "kotlin-stdlib-jdk7",
            "kotlin-stdlib-jdk8",
        ],
    ),
    ("org.jdom", &["jdom", "jdom2"]),
    ("org.liquibase", &["liquibase-core"]),
    ("org.lz4", &["lz4-java"]),
    ("org.mongodb", &["bson", "mongo-java-driver"]),
    ("org.mozilla", &["rhino"]),
    ("org.opensearch", &["opensearch"]),
    (
        "org.ow2.asm",
        &["asm", "asm-analysis", "asm-commons", "asm-tree", "asm-util"],
    ),
    ("org.postgresql", &["postgresql"]),
    ("org.python", &["jython", "jython-standalone"]),
    ("org.quartz-scheduler", &["quartz"]),
    ("org.roaringbitmap", &["RoaringBitmap"]),
    ("org.rocksdb", &["rocksdbjni"]),
    (
        "org.scala-lang",
        &["scala-compiler", "scala-library", "scala-reflect"],
    ),
    (
        "org.springframework",
        &[
            "spring",
            "spring-aop",
            "spring-aspects",
            "spring-beans",
            "spring-context",
            "spring-context-indexer",
            "spring-context-support",
            "spring-core",
            "spring-expression",
            "spring-instrument",
            "spring-jcl",
            "spring-jdbc",
            "spring-jms",
            "spring-messaging",
            "spring-orm",
            "spring-oxm",
            "spring-r2dbc",
            "spring-test",
            "spring-tx",
            "spring-web",
            "spring-webflux",
            "spring-webmvc",
            "spring-webmvc-portlet",
            "spring-websocket",
        ],
    ),
    (
        "org.springframework.amqp",
        &["spring-amqp", "spring-rabbit"],
    ),
    ("org.springframework.graphql", &["spring-graphql"]),
    ("org.springframework.hateoas", &["spring-hateoas"]),
    ("org.springframework.kafka", &["spring-kafka"]),
    ("org.springframework.ldap", &["spring-ldap-core"]),
    ("org.springframework.retry", &["spring-retry"]),
    (
        "org.springframework.security.oauth",
        &["spring-security-oauth", "spring-security-oauth2"],
    ),
    ("org.springframework.boot", &["spring-boot"]),
    ("org.testng", &["testng"]),
    ("org.tukaani", &["xz"]),
    ("org.yaml", &["snakeyaml"]),
    ("oro", &["oro"]),
    ("stax", &["stax-api"]),
    ("struts", &["struts"]),
    ("com.github.luben", &["zstd-jni"]),
    ("xalan", &["serializer", "xalan"]),
    ("xerces", &["xercesImpl"]),
    ("xml-apis", &["xml-apis"]),
];

/// Groups by the beginning of their artifacts' names, where artifacts are many; the longest comes first.
const FAMILIES: &[(&str, &str)] = &[
    ("bcmail-", "org.bouncycastle"),
    ("bcpg-", "org.bouncycastle"),
    ("bcpkix-", "org.bouncycastle"),
    ("bcprov-", "org.bouncycastle"),
    ("bctls-", "org.bouncycastle"),
    ("bcutil-", "org.bouncycastle"),
    ("junit-jupiter", "org.junit.jupiter"),
    ("junit-platform-", "org.junit.platform"),
    ("kafka_2", "org.apache.kafka"),
    ("kotlinx-", "org.jetbrains.kotlinx"),
    ("lucene-", "org.apache.lucene"),
    ("micrometer-", "io.micrometer"),
    ("mongodb-driver-", "org.mongodb"),
    ("reactor-netty", "io.projectreactor.netty"),
    ("solr-", "org.apache.solr"),
    ("spring-batch-", "org.springframework.batch"),
    ("spring-boot-", "org.springframework.boot"),
    ("spring-cloud-", "org.springframework.cloud"),
    ("spring-data-", "org.springframework.data"),
    ("spring-integration-", "org.springframework.integration"),
    ("spring-security-", "org.springframework.security"),
    ("spring-session-", "org.springframework.session"),
    ("tomcat-embed-", "org.apache.tomcat.embed"),
    ("tomcat-", "org.apache.tomcat"),
];

/// Artifacts, and those named after them, whose group changed: the groups with the major version that each
/// begins with, the last first.
const MOVED: &[(&str, &[(u32, &str)])] = &[
    (
        "groovy",
        &[(4, "org.apache.groovy"), (0, "org.codehaus.groovy")],
    ),
    (
        "hibernate-core",
        &[(6, "org.hibernate.orm"), (0, "org.hibernate")],
    ),
    (
        "okhttp",
        &[(3, "com.squareup.okhttp3"), (0, "com.squareup.okhttp")],
    ),
    (
        "retrofit",
        &[(2, "com.squareup.retrofit2"), (0, "com.squareup.retrofit")],
    ),
    (
        "rxjava",
        &[
            (3, "io.reactivex.rxjava3"),
            (2, "io.reactivex.rxjava2"),
            (0, "io.reactivex"),
        ],
    ),
];

/// The group of an artifact in that version.
pub(super) fn group(artifact: &str, version: &str) -> Option<&'static str> {
    let exact = ARTIFACTS
        .iter()
        .find(|(_, artifacts)| artifacts.contains(&artifact))
        .map(|(group, _)| *group);
    let moved = || {
        let (_, groups) = MOVED.iter().find(|(name, _)| {
            artifact
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })?;
        let digits = version.split(|letter: char| !letter.is_ascii_digit());
        let major: u32 = digits.into_iter().next()?.parse().ok()?;
        groups
            .iter()
            .find(|(since, _)| major >= *since)
            .map(|(_, group)| *group)
    };
    let family = || {
        FAMILIES
            .iter()
            .find(|(start, _)| artifact.starts_with(start))
            .map(|(_, group)| *group)
    };
    exact.or_else(moved).or_else(family)
}
