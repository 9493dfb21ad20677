use super::*;

fn parse(text: &str) -> Result<Pkcs11Uri, UriError> {
    text.parse()
}

/// The examples of RFC 7512, section 4.
#[test]
fn the_examples_of_the_rfc_are_read() {
    assert_eq!(parse("pkcs11:").unwrap(), Pkcs11Uri::default());
    let uri = parse("pkcs11:object=my-pubkey;type=public").unwrap();
    assert_eq!((uri.object.as_deref(), uri.kind), (Some("my-pubkey"), Some(ObjectType::Public)));
    let uri = parse("pkcs11:object=my-key;type=private?pin-source=file:/etc/token").unwrap();
    assert_eq!(uri.pin, Some(PinSource::File("/etc/token".into())));
    let uri = parse(
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;\
         object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin",
    )
    .unwrap();
    assert_eq!(uri.token.as_deref(), Some("The Software PKCS#11 Softtoken"));
    assert_eq!(uri.manufacturer.as_deref(), Some("Snake Oil, Inc."));
    assert_eq!(uri.serial.as_deref(), Some(""));
    assert_eq!(uri.id, Some(vec![0x69, 0x95, 0x3e, 0x5c, 0xf4, 0xbd, 0xec, 0x91]));
    let uri = parse("pkcs11:object=my-sign-key;type=private?module-name=mypkcs11").unwrap();
    assert_eq!(uri.module_name.as_deref(), Some("mypkcs11"));
    let uri = parse("pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1").unwrap();
    assert_eq!(uri.module_path, Some("/mnt/libmypkcs11.so.1".into()));
    let uri = parse("pkcs11:slot-description=Sun%20Metaslot").unwrap();
    assert_eq!(uri.slot_description.as_deref(), Some("Sun Metaslot"));
    let uri = parse("pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;library-version=1.23")
        .unwrap();
    assert_eq!(uri.library_version, Some((1, 23)));
    let uri = parse(
        "pkcs11:token=My%20token%25%20created%20by%20Joe;library-version=3;id=%01%02%03%Ba%dd%Ca%fe%04%05%06",
    )
    .unwrap();
    assert_eq!(uri.token.as_deref(), Some("My token% created by Joe"));
    assert_eq!(uri.library_version, Some((3, 0)));
    // A value may hold the other component's separator.
    let uri = parse("pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert")
        .unwrap();
    assert_eq!(uri.token.as_deref(), Some("A name with a substring %;"));
    assert_eq!(parse("pkcs11:token=a&b").unwrap().token.as_deref(), Some("a&b"));
}

/// What cosign's `pkcs11-tool list-keys-uris` prints.
#[test]
fn what_cosign_prints_is_read() {
    let uri = parse(
        "pkcs11:token=My%20Token;slot-id=1;id=%ab%00;object=MyKey?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-value=1234",
    )
    .unwrap();
    assert_eq!((uri.slot_id, uri.id.as_deref()), (Some(1), Some([0xab, 0].as_slice())));
    assert_eq!(uri.pin, Some(PinSource::Value(Pin::new("1234"))));
    assert!(uri.has_pin_value());
}

#[test]
fn is_shown_in_one_spelling_without_its_pin() {
    let text = "pkcs11:object=a%20b;id=%01a;token=T%c3%bc?pin-value=31337&module-path=/a/b%20c.so&x-log=1";
    let uri = parse(text).unwrap();
    let shown = "pkcs11:token=T%C3%BC;id=%01%61;object=a%20b?module-path=/a/b%20c.so";
    assert_eq!(uri.to_string(), shown);
    assert!(!format!("{uri:?}").contains("31337"));
    assert_eq!(parse(shown).unwrap().to_string(), shown);
    assert_eq!(uri.ignored(), ["x-log"]);
    let kept = "pkcs11:slot-id=7;token=t;type=private?module-name=softhsm2&pin-source=/etc/pin";
    assert_eq!(parse(kept).unwrap().to_string(), kept);
    assert_eq!(parse(kept).unwrap().without_query().to_string(), "pkcs11:slot-id=7;token=t;type=private");
}

/// Each case beside one that differs in exactly that property and is read.
#[test]
fn what_is_no_uri_is_refused() {
    let value = |attribute, expected| UriError::Value { attribute, expected };
    let long = |name: &str, bytes: usize| format!("pkcs11:{name}={}", "a".repeat(bytes));
    let queried = |name: &str, bytes: usize| format!("pkcs11:?{name}=/{}", "a".repeat(bytes - 1));
    let too_large = |attribute, limit: usize| UriError::TooLarge { attribute, limit, found: limit + 1 };
    let source = "a path or file:/PATH; programs and dialogues are not run";
    let many = |count: usize| format!("pkcs11:?{}", "x=1&".repeat(count));
    let cases: Vec<(String, String, UriError)> = [
        ("pkcs11:token=a", "PKCS11:token=a", UriError::Scheme),
        ("pkcs11:token=a%20b", "pkcs11:token=a b", UriError::Character { found: ' ' }),
        ("pkcs11:token=%C3%BC", "pkcs11:token=ü", UriError::Character { found: 'ü' }),
        ("pkcs11:token=a%23", "pkcs11:token=a#", UriError::Character { found: '#' }),
        ("pkcs11:token=a;", "pkcs11:token", UriError::NoValue),
        ("pkcs11:?x-a=1", "pkcs11:?1234", UriError::NoValue),
        ("pkcs11:token=a", "pkcs11:=a", UriError::NoValue),
        ("pkcs11:id=%0a", "pkcs11:id=%0", UriError::Percent { attribute: "id" }),
        ("pkcs11:id=%0a", "pkcs11:id=%0g", UriError::Percent { attribute: "id" }),
        ("pkcs11:object=%c3%bc", "pkcs11:object=%c3", UriError::NotText { attribute: "object" }),
        ("pkcs11:id=%c3", "pkcs11:?pin-value=%c3", UriError::NotText { attribute: "pin-value" }),
        ("pkcs11:?x-a=1", "pkcs11:x-a=1", UriError::UnknownAttribute { name: "x-a".to_owned() }),
        (
            "pkcs11:?pin-value=1",
            "pkcs11:pin-value=1",
            UriError::UnknownAttribute { name: "pin-value".to_owned() },
        ),
        ("pkcs11:token=a", "pkcs11:token=a;token=a", UriError::Twice { attribute: "token" }),
        (
            "pkcs11:?pin-value=1",
            "pkcs11:?pin-value=1&pin-value=1",
            UriError::Twice { attribute: "pin-value" },
        ),
        ("pkcs11:?pin-value=1", "pkcs11:?pin-value=1&pin-source=/a", UriError::TwoPins),
        (
            "pkcs11:type=private",
            "pkcs11:type=key",
            value("type", "private, public, cert, secret-key or data"),
        ),
        ("pkcs11:slot-id=0", "pkcs11:slot-id=0x1", value("slot-id", "a decimal number")),
        ("pkcs11:slot-id=1", "pkcs11:slot-id=+1", value("slot-id", "a decimal number")),
        ("pkcs11:slot-id=1", "pkcs11:slot-id=99999999999999999999", value("slot-id", "a decimal number")),
        (
            "pkcs11:library-version=255.0",
            "pkcs11:library-version=256.0",
            value("library-version", "MAJOR or MAJOR.MINOR, each from 0 to 255"),
        ),
        ("pkcs11:?module-path=/a.so", "pkcs11:?module-path=a.so", value("module-path", "an absolute path")),
        (
            "pkcs11:?module-name=a",
            "pkcs11:?module-name=../a",
            value("module-name", "the name of a module, as softhsm2: no path"),
        ),
        ("pkcs11:?pin-source=/bin/pin", "pkcs11:?pin-source=|/bin/pin", value("pin-source", source)),
        ("pkcs11:?pin-source=pin", "pkcs11:?pin-source=", value("pin-source", source)),
        ("pkcs11:?pin-source=file:///a", "pkcs11:?pin-source=file://host/a", value("pin-source", source)),
        (
            "pkcs11:?pin-source=file://localhost/a",
            "pkcs11:?pin-source=https://host/a",
            value("pin-source", source),
        ),
    ]
    .into_iter()
    .map(|(good, bad, error)| (good.to_owned(), bad.to_owned(), error))
    .chain([
        (long("token", 32), long("token", 33), too_large("token", 32)),
        (long("manufacturer", 32), long("manufacturer", 33), too_large("manufacturer", 32)),
        (long("model", 16), long("model", 17), too_large("model", 16)),
        (long("serial", 16), long("serial", 17), too_large("serial", 16)),
        (long("slot-description", 64), long("slot-description", 65), too_large("slot-description", 64)),
        (long("object", 255), long("object", 256), too_large("object", 255)),
        (long("id", 255), long("id", 256), too_large("id", 255)),
        (queried("module-path", 1_024), queried("module-path", 1_025), too_large("module-path", 1_024)),
        (queried("pin-value", 255), queried("pin-value", 256), too_large("pin-value", 255)),
        (many(URI_ATTRIBUTES), many(URI_ATTRIBUTES + 1), UriError::TooMany),
        (long("object", 255), long("object", URI_BYTES), UriError::TooLong),
    ])
    .collect();
    for (good, bad, error) in cases {
        assert!(parse(&good).is_ok(), "{good}: {:?}", parse(&good));
        assert_eq!(parse(&bad), Err(error), "{bad}");
    }
}

#[test]
fn no_error_repeats_a_value() {
    for text in [
        "pkcs11:?canary",
        "pkcs11:canary",
        "pkcs11:?pin-value=canary%",
        "pkcs11:?pin-value=canary&pin-source=/a",
    ] {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}
