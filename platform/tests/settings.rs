//! The settings: their defaults, their forms, and how mistakes are told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeSet, fs, net::SocketAddr, path::PathBuf, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args as _;
use platform::{
    configuration::{
        self, Arguments, DatabasePooler, DatabaseUrl, Listener, LogFormat, Mistake, NoCommands, Peer, Program, Settings,
    },
    testing::{ManualClock, TestAuthority, Workspace},
};

fn check(change: impl FnOnce(&mut Arguments)) -> Result<Settings, Vec<Mistake>> {
    let mut arguments = Arguments::defaults();
    change(&mut arguments);
    Settings::check(&arguments)
}

fn accepted(change: impl FnOnce(&mut Arguments)) -> Settings {
    check(change).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// The only mistake that a change makes.
fn mistake(change: impl FnOnce(&mut Arguments)) -> Mistake {
    match check(change) {
        Ok(_) => panic!("no mistake was found"),
        Err(mistakes) => <[Mistake; 1]>::try_from(mistakes).unwrap_or_else(|all| panic!("{all:?}"))[0].clone(),
    }
}

fn key(byte: u8) -> String {
    BASE64_STANDARD.encode([byte; 32])
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = accepted(|_| {});
    assert_eq!(settings.data_dir, PathBuf::from("./data"));
    assert_eq!(settings.auth_listen, address("127.0.0.1:50051"));
    assert_eq!(settings.task_listen, address("127.0.0.1:50052"));
    assert_eq!(settings.gateway_listen, address("127.0.0.1:8080"));
    assert_eq!(settings.admin_listen, None);
    assert!(settings.tls.grpc.is_none() && settings.tls.http.is_none());
    assert!(settings.auth_database_url == DatabaseUrl::Sqlite("./data/auth.db".into()));
    assert!(settings.task_database_url == DatabaseUrl::Sqlite("./data/task.db".into()));
    assert_eq!(settings.auth_addr, ["http://127.0.0.1:50051"]);
    assert_eq!(settings.task_addr, ["http://127.0.0.1:50052"]);
    assert_eq!(settings.issuer, "http://localhost:8080");
    assert!(settings.master_keys.is_none() && settings.service_keys.is_none());
    assert_eq!(settings.access_token_ttl, Duration::from_mins(5));
    assert_eq!(settings.refresh_idle_ttl, Duration::from_hours(14 * 24));
    assert_eq!(settings.session_max_age, Duration::from_hours(30 * 24));
    assert_eq!(settings.password_min_length, 12);
    assert!(settings.allowed_origins.is_empty());
    assert!(settings.trusted_proxies.is_empty() && settings.throttle_exempt.is_empty());
    assert_eq!(settings.drain_delay, Duration::ZERO);
    assert!(settings.reflection);
    assert_eq!((settings.log.as_str(), settings.log_format), ("info", LogFormat::Text));
}

/// A bad value for every setting, which none of the others excuses and no message repeats.
#[test]
fn every_mistake_is_told_at_once_by_name_and_without_the_value() {
    const BAD: &str = "hunter2%";
    let bad = || BAD.to_owned();
    let arguments = Arguments {
        // Any path will do.
        data_dir: bad(),
        auth_listen: bad(),
        task_listen: bad(),
        gateway_listen: bad(),
        admin_listen: Some(bad()),
        tls_certificate_file: Some(bad()),
        tls_key_file: Some(bad()),
        tls_client_authority_file: Some(bad()),
        tls_authority_file: Some(bad()),
        plaintext: bad(),
        auth_database_url: Some(bad()),
        auth_database_url_file: None,
        task_database_url: None,
        task_database_url_file: Some(bad()),
        auth_addr: bad(),
        task_addr: bad(),
        issuer: bad(),
        master_key: Some(bad()),
        master_key_file: None,
        service_key: Some(bad()),
        service_key_file: None,
        access_token_ttl: bad(),
        refresh_idle_ttl: bad(),
        session_max_age: bad(),
        password_min_length: bad(),
        allowed_origins: bad(),
        trusted_proxies: bad(),
        throttle_exempt: bad(),
        database_connections: bad(),
        database_pooler: bad(),
        drain_delay: bad(),
        reflection: bad(),
        log: "=====".to_owned(),
        log_format: bad(),
    };
    let Err(mistakes) = Settings::check(&arguments) else {
        panic!("no mistake was found")
    };
    let told: Vec<&str> = mistakes.iter().map(|mistake| mistake.setting).collect();
    let all = variables();
    let holds_another = |name: &str| {
        let other = name.strip_suffix("_FILE");
        other.is_some_and(|other| all.iter().any(|name| name == other))
    };
    let known: BTreeSet<String> = all
        .iter()
        .filter(|name| *name != "HOLDFAST_DATA_DIR" && !holds_another(name))
        .cloned()
        .collect();
    assert_eq!(told.len(), known.len(), "each once: {told:?}");
    assert_eq!(told.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), known);
    for mistake in &mistakes {
        let problem = &mistake.problem;
        assert!(
            !problem.contains(BAD) && !problem.contains("===="),
            "{}: {problem}",
            mistake.setting
        );
        assert!(
            problem.starts_with("must ") || problem.starts_with("cannot "),
            "{problem}"
        );
    }
}

/// The names of all settings, in the order of their declaration.
fn variables() -> Vec<String> {
    Arguments::augment_args(clap::Command::new("test"))
        .get_arguments()
        .filter_map(|argument| Some(argument.get_env()?.to_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let workspace = Workspace::new();
    let path = workspace.path().join("key");
    let file = || Some(path.to_str().unwrap().to_owned());
    fs::write(&path, format!("\n first:{} \n", key(1))).unwrap();
    let settings = accepted(|arguments| arguments.master_key_file = file());
    assert_eq!(settings.master_keys.unwrap().sealing().key.expose(), &[1; 32]);

    fs::write(&path, key(2)).unwrap();
    let clock = ManualClock::new();
    let from_file = accepted(|arguments| arguments.service_key_file = file())
        .service_keys
        .unwrap();
    let given = accepted(|arguments| arguments.service_key = Some(key(2)))
        .service_keys
        .unwrap();
    let token = given.sign(platform::service_credential::Role::Gateway, &clock);
    assert!(from_file.verify(&token, &clock).is_some());

    fs::write(&path, "sqlite://elsewhere/auth.db\n").unwrap();
    let settings = accepted(|arguments| arguments.auth_database_url_file = file());
    assert!(settings.auth_database_url == DatabaseUrl::Sqlite("./data/elsewhere/auth.db".into()));
    let settings = accepted(|arguments| arguments.task_database_url_file = file());
    assert!(settings.task_database_url == DatabaseUrl::Sqlite("./data/elsewhere/auth.db".into()));
}

#[test]
fn a_file_that_cannot_be_used_is_a_mistake_of_its_setting() {
    let workspace = Workspace::new();
    let path = workspace.path().join("key");
    let file = || Some(path.to_str().unwrap().to_owned());
    let missing = mistake(|arguments| arguments.master_key_file = file());
    assert_eq!(missing.setting, "HOLDFAST_MASTER_KEY");
    assert!(
        missing.problem.starts_with("cannot be read from its file"),
        "{}",
        missing.problem
    );

    fs::write(&path, [0xff, 0xfe]).unwrap();
    let binary = mistake(|arguments| arguments.service_key_file = file());
    assert_eq!(binary.setting, "HOLDFAST_SERVICE_KEY");

    // An empty file was meant to hold something.
    fs::write(&path, "\n").unwrap();
    let empty = mistake(|arguments| arguments.master_key_file = file());
    assert_eq!(empty.setting, "HOLDFAST_MASTER_KEY");
    let empty = mistake(|arguments| arguments.auth_database_url_file = file());
    assert_eq!(empty.setting, "HOLDFAST_AUTH_DATABASE_URL");
}

#[test]
fn a_secret_given_twice_is_a_mistake() {
    let workspace = Workspace::new();
    let path = workspace.path().join("key");
    fs::write(&path, key(1)).unwrap();
    let twice = mistake(|arguments| {
        arguments.service_key = Some(key(1));
        arguments.service_key_file = Some(path.to_str().unwrap().to_owned());
    });
    assert_eq!(twice.setting, "HOLDFAST_SERVICE_KEY");
    assert_eq!(twice.problem, "is given twice, as a value and as a file");
    // Empty is not given.
    accepted(|arguments| {
        arguments.service_key = Some(" ".to_owned());
        arguments.service_key_file = Some(path.to_str().unwrap().to_owned());
    });
    accepted(|arguments| {
        arguments.service_key = Some(key(1));
        arguments.service_key_file = Some(String::new());
    });
}

#[test]
fn an_empty_value_is_none() {
    let empty = || Some(String::new());
    let settings = accepted(|arguments| {
        arguments.admin_listen = empty();
        arguments.auth_database_url = empty();
        arguments.auth_database_url_file = empty();
        arguments.task_database_url = empty();
        arguments.task_database_url_file = empty();
        arguments.master_key = empty();
        arguments.master_key_file = empty();
        arguments.service_key = empty();
        arguments.service_key_file = empty();
        arguments.tls_certificate_file = empty();
        arguments.tls_key_file = empty();
        arguments.tls_client_authority_file = empty();
        arguments.tls_authority_file = empty();
    });
    assert!(settings.tls.grpc.is_none() && settings.tls.http.is_none());
    assert!(settings.admin_listen.is_none() && settings.master_keys.is_none() && settings.service_keys.is_none());
    assert!(settings.auth_database_url == DatabaseUrl::Sqlite("./data/auth.db".into()));
}

#[test]
fn durations_have_units_and_bounds() {
    for (text, wanted) in [
        ("90s", 90),
        ("1s", 1),
        ("1h", 3600),
        ("5m", 300),
        ("1m 30s", 90),
        ("60m", 3600),
    ] {
        let settings = accepted(|arguments| arguments.access_token_ttl = text.to_owned());
        assert_eq!(settings.access_token_ttl, Duration::from_secs(wanted), "{text}");
    }
    for text in [
        "",
        "300",
        "0s",
        "999ms",
        "61m",
        "-5m",
        "5",
        "m",
        "5 parsecs",
        "1e3s",
        "99999999999999999999d",
    ] {
        let refused = mistake(|arguments| arguments.access_token_ttl = text.to_owned());
        assert_eq!(refused.setting, "HOLDFAST_ACCESS_TOKEN_TTL", "{text}");
    }
    accepted(|arguments| arguments.refresh_idle_ttl = "30d".to_owned());
    mistake(|arguments| arguments.refresh_idle_ttl = "31d".to_owned());
    accepted(|arguments| arguments.session_max_age = "365d".to_owned());
    mistake(|arguments| arguments.session_max_age = "366d".to_owned());
}

#[test]
fn networks_are_cidrs() {
    let settings = accepted(|arguments| arguments.trusted_proxies = "10.0.0.0/8, fd00::/8 ,192.0.2.1/32,".to_owned());
    let networks: Vec<String> = settings.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"]);
    for text in [
        "10.0.0.0",
        "10.0.0.0/33",
        "10.0.0/8",
        "fd00::/129",
        "everyone",
        "0.0.0.0/0,x",
    ] {
        let refused = mistake(|arguments| arguments.trusted_proxies = text.to_owned());
        assert_eq!(refused.setting, "HOLDFAST_TRUSTED_PROXIES", "{text}");
        let refused = mistake(|arguments| arguments.throttle_exempt = text.to_owned());
        assert_eq!(refused.setting, "HOLDFAST_THROTTLE_EXEMPT", "{text}");
    }
}

/// TK-16: several keys open, the first seals, and each has an id of its own.
#[test]
fn tk_16_master_keys_have_ids_and_thirty_two_bytes() {
    let settings = accepted(|arguments| {
        arguments.master_key = Some(format!("new-2:{}, old_1:{}", key(2), key(1)));
    });
    let keys = settings.master_keys.unwrap();
    assert_eq!(
        (keys.sealing().id.as_str(), keys.sealing().key.expose()),
        ("new-2", &[2; 32])
    );
    assert_eq!(keys.opening("old_1").unwrap().key.expose(), &[1; 32]);
    assert!(keys.opening("new-2").is_some() && keys.opening("other").is_none());

    let of_length = |length| BASE64_STANDARD.encode(vec![3; length]);
    let good = key(3);
    for bad in [
        format!("a:{good},a:{good}"),
        format!("a:{}", of_length(31)),
        format!("a:{}", of_length(33)),
        format!("a:{}", of_length(0)),
        format!("a:{}", good.replace('=', "")),
        // The other alphabet.
        format!("a:{}", BASE64_STANDARD.encode([0xff; 32]).replace('/', "_")),
        "a:not base64".to_owned(),
        good.clone(),
        format!(":{good}"),
        format!("a b:{good}"),
        format!("é:{good}"),
        format!("{}:{good}", "a".repeat(33)),
        format!("a:{good},b"),
        ",".to_owned(),
    ] {
        let refused = mistake(|arguments| arguments.master_key = Some(bad.clone()));
        assert_eq!(refused.setting, "HOLDFAST_MASTER_KEY", "{bad}");
        assert!(!refused.problem.contains(&good), "{}", refused.problem);
    }
    accepted(|arguments| arguments.master_key = Some(format!("{}:{good}", "a".repeat(32))));
}

#[test]
fn service_keys_have_thirty_two_bytes() {
    accepted(|arguments| arguments.service_key = Some(format!("{},{}", key(2), key(1))));
    for bad in [
        BASE64_STANDARD.encode([1; 31]),
        format!("id:{}", key(1)),
        format!("{},x", key(1)),
    ] {
        let refused = mistake(|arguments| arguments.service_key = Some(bad.clone()));
        assert_eq!(refused.setting, "HOLDFAST_SERVICE_KEY", "{bad}");
    }
}

#[test]
fn addresses_issuers_and_origins_are_told_apart() {
    let settings = accepted(|arguments| {
        arguments.auth_addr =
            "http://a:1,http://[::1]:2,https://b.example:3,https://[::1]:4,https://10.0.0.1:5".to_owned();
        arguments.issuer = "https://tasks.example.com/path".to_owned();
        arguments.allowed_origins = "https://app.example.com, http://localhost:3000".to_owned();
    });
    assert_eq!(settings.auth_addr.len(), 5);
    assert_eq!(settings.issuer, "https://tasks.example.com/path");
    assert_eq!(
        settings.allowed_origins,
        ["https://app.example.com", "http://localhost:3000"]
    );
    for bad in [
        "",
        ",",
        "a:1",
        "http://a",
        "ftp://a:1",
        "http://a:1/path",
        "http://a:1, nonsense",
        "https://a",
        "https://a:1/path",
        // No certificate has such a name.
        "https://a..b:1",
    ] {
        let refused = mistake(|arguments| arguments.task_addr = bad.to_owned());
        assert_eq!(refused.setting, "HOLDFAST_TASK_ADDR", "{bad}");
    }
    let long = format!("http://{}", "a".repeat(200));
    for bad in ["", "localhost:8080", "ftp://a", "http://a?b", "http://a#b", &long] {
        let refused = mistake(|arguments| arguments.issuer = bad.to_owned());
        assert_eq!(refused.setting, "HOLDFAST_ISSUER", "{bad}");
    }
    for bad in [
        "*",
        "null",
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/a",
    ] {
        let refused = mistake(|arguments| arguments.allowed_origins = bad.to_owned());
        assert_eq!(refused.setting, "HOLDFAST_ALLOWED_ORIGINS", "{bad}");
    }
}

/// AP-10: beyond loopback nothing is spoken in plaintext by mistake.
#[test]
fn ap_10_plaintext_beyond_loopback_needs_to_be_asked_for() {
    type Set = fn(&mut Arguments, &str);
    let public: [(&str, Listener, Set); 3] = [
        ("HOLDFAST_AUTH_LISTEN", Listener::Auth, |arguments, listen| {
            arguments.auth_listen = listen.to_owned();
        }),
        ("HOLDFAST_TASK_LISTEN", Listener::Task, |arguments, listen| {
            arguments.task_listen = listen.to_owned();
        }),
        ("HOLDFAST_GATEWAY_LISTEN", Listener::Gateway, |arguments, listen| {
            arguments.gateway_listen = listen.to_owned();
        }),
    ];
    let all = public.map(|(_, listener, _)| listener);
    let workspace = Workspace::new();
    let certificate = TestAuthority::new(workspace.path().join("authority")).certify("service");
    let with_tls = |arguments: &mut Arguments| {
        arguments.tls_certificate_file = Some(certificate.certificate.display().to_string());
        arguments.tls_key_file = Some(certificate.key.display().to_string());
    };
    let exposed = |listeners: &[Listener], change: &dyn Fn(&mut Arguments)| accepted(change).exposed(listeners, &[]);
    for (setting, listener, set) in public {
        for loopback in ["127.0.0.1:1", "127.255.3.4:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(exposed(&all, &|arguments| set(arguments, loopback)), []);
        }
        for beyond in [
            "0.0.0.0:1",
            "10.0.0.1:1",
            "192.0.2.1:1",
            "[::]:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            let refused = exposed(&all, &|arguments| set(arguments, beyond));
            assert_eq!(refused.len(), 1, "{refused:?}");
            assert_eq!(refused[0].setting, setting, "{beyond}");
            for word in ["loopback", "HOLDFAST_PLAINTEXT=on", "HOLDFAST_TLS_CERTIFICATE_FILE"] {
                assert!(refused[0].problem.contains(word), "{refused:?}");
            }
            let plaintext = |arguments: &mut Arguments| {
                set(arguments, beyond);
                arguments.plaintext = "on".to_owned();
            };
            assert_eq!(exposed(&all, &plaintext), []);
            let tls = |arguments: &mut Arguments| {
                set(arguments, beyond);
                with_tls(arguments);
            };
            assert_eq!(exposed(&all, &tls), []);
            // Another process's listener is not this one's matter, though the settings are shared.
            let others: Vec<_> = all.into_iter().filter(|other| *other != listener).collect();
            assert_eq!(exposed(&others, &|arguments| set(arguments, beyond)), []);
        }
    }
    // The admin listener has no TLS.
    let refused = exposed(&[], &|arguments| {
        arguments.admin_listen = Some("0.0.0.0:1".to_owned());
        with_tls(arguments);
    });
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].setting, "HOLDFAST_ADMIN_LISTEN");
    mistake(|arguments| arguments.plaintext = "yes".to_owned());
}

/// AP-10: nor is a service beyond loopback called without TLS by mistake.
#[test]
fn ap_10_plaintext_to_others_needs_to_be_asked_for() {
    let both = [Peer::Auth, Peer::Task];
    let exposed = |address: &str, plaintext: &str, peers: &[Peer]| {
        let settings = accepted(|arguments| {
            arguments.task_addr = address.to_owned();
            arguments.plaintext = plaintext.to_owned();
        });
        let mistakes = settings.exposed(&[], peers);
        mistakes.into_iter().map(|mistake| mistake.setting).collect::<Vec<_>>()
    };
    for near in [
        "http://localhost:1",
        "http://127.0.0.1:1",
        "http://[::1]:1",
        "https://tasks.example:1",
    ] {
        assert!(exposed(near, "off", &both).is_empty(), "{near}");
    }
    for far in [
        "http://10.0.0.9:1",
        "http://tasks.example:1",
        "http://127.0.0.1.example:1",
        "http://localhost:1,http://[2001:db8::1]:1",
    ] {
        assert_eq!(exposed(far, "off", &both), ["HOLDFAST_TASK_ADDR"], "{far}");
        assert!(exposed(far, "on", &both).is_empty());
        assert!(exposed(far, "off", &[Peer::Auth]).is_empty(), "it is not called");
    }
}

/// AP-10: TLS that was asked for is there, or nothing starts; and no message repeats what stands in a file.
#[test]
fn ap_10_certificates_and_keys_are_checked_at_the_start() {
    let workspace = Workspace::new();
    let authority = TestAuthority::new(workspace.path().join("authority"));
    let (certificate, other) = (authority.certify("service"), authority.certify("other"));
    let path = |path: &std::path::Path| Some(path.display().to_string());
    let good = |arguments: &mut Arguments| {
        // If the settings were taken without their TLS, this would be told.
        arguments.gateway_listen = "0.0.0.0:1".to_owned();
        arguments.tls_certificate_file = path(&certificate.certificate);
        arguments.tls_key_file = path(&certificate.key);
        arguments.tls_client_authority_file = path(&authority.certificate());
        arguments.tls_authority_file = path(&authority.certificate());
    };
    let settings = accepted(good);
    assert!(settings.tls.grpc.is_some() && settings.tls.http.is_some());

    let refused = mistake(|arguments| {
        good(arguments);
        arguments.tls_key_file = None;
    });
    assert_eq!(refused.setting, "HOLDFAST_TLS_CERTIFICATE_FILE");
    assert!(refused.problem.contains("HOLDFAST_TLS_KEY_FILE"), "{refused}");
    let refused = mistake(|arguments| arguments.tls_key_file = path(&certificate.key));
    assert_eq!(refused.setting, "HOLDFAST_TLS_KEY_FILE");
    assert!(refused.problem.contains("HOLDFAST_TLS_CERTIFICATE_FILE"), "{refused}");
    let refused = mistake(|arguments| arguments.tls_client_authority_file = path(&authority.certificate()));
    assert_eq!(refused.setting, "HOLDFAST_TLS_CLIENT_AUTHORITY_FILE");
    // Who calls others needs no certificate of its own.
    accepted(|arguments| arguments.tls_authority_file = path(&authority.certificate()));

    let refused = mistake(|arguments| {
        good(arguments);
        arguments.tls_key_file = path(&other.key);
    });
    assert_eq!(refused.setting, "HOLDFAST_TLS_KEY_FILE", "the key of another");

    let file = workspace.path().join("file");
    for content in [
        "",
        "hunter2",
        "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\naHVudGVyMg==\n-----END ENCRYPTED PRIVATE KEY-----\n",
    ] {
        fs::write(&file, content).unwrap();
        for (setting, set) in tls_files() {
            let refused = mistake(|arguments| {
                good(arguments);
                *set(arguments) = path(&file);
            });
            assert_eq!(refused.setting, setting, "{content}: {refused}");
            for secret in ["hunter2", "aHVudGVyMg"] {
                assert!(!refused.to_string().contains(secret), "{refused}");
            }
        }
    }
    for (setting, set) in tls_files() {
        let refused = mistake(|arguments| {
            good(arguments);
            *set(arguments) = Some("/nowhere/hunter2".to_owned());
        });
        assert_eq!(refused.setting, setting);
        assert!(refused.problem.starts_with("cannot be read: "), "{refused}");
    }
}

type Field = fn(&mut Arguments) -> &mut Option<String>;

fn tls_files() -> [(&'static str, Field); 4] {
    [
        ("HOLDFAST_TLS_CERTIFICATE_FILE", |arguments| {
            &mut arguments.tls_certificate_file
        }),
        ("HOLDFAST_TLS_KEY_FILE", |arguments| &mut arguments.tls_key_file),
        ("HOLDFAST_TLS_CLIENT_AUTHORITY_FILE", |arguments| {
            &mut arguments.tls_client_authority_file
        }),
        ("HOLDFAST_TLS_AUTHORITY_FILE", |arguments| {
            &mut arguments.tls_authority_file
        }),
    ]
}

#[test]
fn a_database_is_a_file_or_a_server() {
    let settings = accepted(|arguments| {
        arguments.data_dir = "/var/lib/holdfast".to_owned();
        arguments.auth_database_url = Some("sqlite://sub/auth.db".to_owned());
        arguments.task_database_url = Some("sqlite:///srv/task.db".to_owned());
    });
    assert!(settings.auth_database_url == DatabaseUrl::Sqlite("/var/lib/holdfast/sub/auth.db".into()));
    assert!(settings.task_database_url == DatabaseUrl::Sqlite("/srv/task.db".into()));
    for scheme in ["postgres", "postgresql"] {
        let url = format!("{scheme}://user:hunter2@host:5432/db?sslmode=verify-full");
        let settings = accepted(|arguments| arguments.auth_database_url = Some(url));
        let DatabaseUrl::Postgres(url) = settings.auth_database_url else {
            panic!("{scheme} is not of PostgreSQL")
        };
        assert_eq!((url.pooler, url.max_connections), (DatabasePooler::None, 16));
    }
    let settings = accepted(|arguments| {
        arguments.task_database_url = Some("postgres://host/db".to_owned());
        arguments.database_pooler = "transaction".to_owned();
        arguments.database_connections = "1000".to_owned();
    });
    let DatabaseUrl::Postgres(url) = settings.task_database_url else {
        panic!("it is not of PostgreSQL")
    };
    assert_eq!((url.pooler, url.max_connections), (DatabasePooler::Transaction, 1000));
    for bad in ["", "1", "1001", "-2", "many"] {
        let refused = mistake(|arguments| arguments.database_connections = bad.to_owned());
        assert_eq!(refused.setting, "HOLDFAST_DATABASE_CONNECTIONS", "{bad}");
    }
    for bad in [
        "auth.db",
        "sqlite:auth.db",
        "sqlite://",
        "mysql://a/b",
        "postgres://user:hunter2@host:port/db",
        "postgres://user:hunter2@host/db?sslmode=hunter2",
        "postgres://user:hunter2@host/db?ssl_mode=verify-full",
        "postgres://user:hunter2@host/db?sslMode=verify-full",
        "postgres://user:hunter2@host/db?sslmode=require&sslrootcert=/hunter2",
        "postgres://user:hunter2@host/db?sslrootcert=/hunter2",
    ] {
        let refused = mistake(|arguments| arguments.auth_database_url = Some(bad.to_owned()));
        assert_eq!(refused.setting, "HOLDFAST_AUTH_DATABASE_URL", "{bad}");
        assert!(!refused.problem.contains("hunter2"), "{}", refused.problem);
    }
}

#[test]
fn numbers_and_choices_are_exact() {
    for (text, length) in [("8", 8), ("15", 15), ("64", 64)] {
        let settings = accepted(|arguments| arguments.password_min_length = text.to_owned());
        assert_eq!(settings.password_min_length, length);
    }
    for bad in ["", "7", "65", "-8", "8.0", "twelve"] {
        mistake(|arguments| arguments.password_min_length = bad.to_owned());
    }
    assert!(!accepted(|arguments| arguments.reflection = "off".to_owned()).reflection);
    mistake(|arguments| arguments.reflection = "ON".to_owned());
    let settings = accepted(|arguments| {
        arguments.log_format = "json".to_owned();
        arguments.log = "warn,platform=debug".to_owned();
    });
    assert_eq!(settings.log_format, LogFormat::Json);
}

/// `--help` of every binary documents every setting, and shows no secret that stands in the environment.
#[test]
fn every_setting_is_documented() {
    let program = Program {
        name: "test",
        about: "A test",
        needs: &[],
        listeners: &[],
        peers: &[],
        admin_listen: address("127.0.0.1:8081"),
    };
    let mut command = configuration::command::<NoCommands>(&program);
    let help = command.render_long_help().to_string();
    for name in variables() {
        assert!(help.contains(&name), "{name}");
    }
    for argument in command.get_arguments() {
        let name = argument.get_id().as_str();
        assert!(argument.get_help().is_some(), "{name}");
        let secret = ["master_key", "service_key", "auth_database_url", "task_database_url"].contains(&name);
        assert_eq!(argument.is_hide_env_values_set(), secret, "{name}");
    }
}

/// `.env.example` names every setting in its order, says a line about each, and changes no default.
#[test]
fn the_example_environment_is_true() {
    let text = include_str!("../../.env.example");
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let mut named = Vec::new();
    for (before, line) in lines.iter().zip(&lines[1..]).filter(|(_, line)| !line.starts_with('#')) {
        assert!(before.starts_with("# "), "{line} is not explained");
        named.push(line.split_once('=').expect("NAME=value"));
    }
    let known: Vec<(String, String)> = Arguments::augment_args(clap::Command::new("test"))
        .get_arguments()
        .filter_map(|argument| {
            let default = argument.get_default_values().first();
            let default = default.map_or("", |value| value.to_str().unwrap());
            Some((argument.get_env()?.to_str().unwrap().to_owned(), default.to_owned()))
        })
        .collect();
    let named: Vec<_> = named
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(named, known);
}
