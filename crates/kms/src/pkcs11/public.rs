//! Public keys as tokens hold them, read into the one form that the core judges.
//!
//! Tokens differ: the public key may be an object of its own, stand in the private one, or in a certificate with the same
//! id; a point may be wrapped in an OCTET STRING, as the standard says, or not. Whatever it is, the core reads the
//! `SubjectPublicKeyInfo` that is made of it, strictly, and a signature is held against it before it leaves.

use cryptoki::object::{Attribute, AttributeType, KeyType};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, PrintableStringRef, UintRef};
use der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use waxseal_core::PublicKey;
use waxseal_core::key::KeyError;

use super::connection::Connection;
use super::object::{Class, Object};
use crate::error::Pkcs11Error;
use crate::uri::Pkcs11Uri;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// What `GnuPG` called the curve before it had a number of its own; some tokens still do.
const ED25519_OF_GNU: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.15.1");
/// Bytes of a coordinate.
const CURVES: [(ObjectIdentifier, usize); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), 32),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), 48),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), 66),
];

/// The public key that the URI names: an object of its own, or a certificate's.
pub(super) fn named(
    connection: &Connection,
    uri: &Pkcs11Uri,
    class: Class,
) -> Result<PublicKey, Pkcs11Error> {
    let first = connection.objects(class, uri)?;
    if !first.is_empty() {
        return agreed(connection, uri, &first, class);
    }
    let certificates = connection.objects(Class::Certificate, uri)?;
    if certificates.is_empty() {
        return Err(connection.no_key(class, uri));
    }
    agreed(connection, uri, &certificates, Class::Certificate)
}

/// The same, or what stands beside the private key that the URI names.
pub(super) fn named_or_beside_private(
    connection: &Connection,
    uri: &Pkcs11Uri,
    class: Class,
) -> Result<PublicKey, Pkcs11Error> {
    match named(connection, uri, class) {
        Err(Pkcs11Error::NoKey { .. }) if class == Class::Public => {
            of_private(connection, &connection.object(Class::Private, uri)?)
        }
        found => found,
    }
}

/// The public half of a private key.
pub(super) fn of_private(connection: &Connection, private: &Object) -> Result<PublicKey, Pkcs11Error> {
    // An id is given to what belongs together; a label is only a name.
    let same = if private.id.is_empty() {
        Pkcs11Uri { object: Some(private.label.clone()), ..Pkcs11Uri::default() }
    } else {
        Pkcs11Uri { id: Some(private.id.clone()), ..Pkcs11Uri::default() }
    };
    for class in [Class::Public, Class::Certificate] {
        let found = connection.objects(class, &same)?;
        if !found.is_empty() {
            return agreed(connection, &same, &found, class);
        }
        if class == Class::Public
            && let Some(key) = attributes(connection, private)?
        {
            return key.map_err(|error| Pkcs11Error::PublicKey { key: private.name(), error });
        }
    }
    Err(Pkcs11Error::NoPublicKey { key: private.name() })
}

/// The key of a public key object.
pub(super) fn of_public(connection: &Connection, object: &Object) -> Result<PublicKey, Pkcs11Error> {
    match attributes(connection, object)? {
        Some(key) => key.map_err(|error| Pkcs11Error::PublicKey { key: object.name(), error }),
        None => Err(Pkcs11Error::NoPublicKey { key: object.name() }),
    }
}

/// The one key that all of these objects hold.
fn agreed(
    connection: &Connection,
    uri: &Pkcs11Uri,
    objects: &[Object],
    class: Class,
) -> Result<PublicKey, Pkcs11Error> {
    let mut agreed: Option<PublicKey> = None;
    for object in objects {
        let key = match class {
            Class::Certificate => of_certificate(connection, object)?,
            _ => of_public(connection, object)?,
        };
        match &agreed {
            Some(known) if *known != key => return Err(connection.several(uri, objects)),
            _ => agreed = Some(key),
        }
    }
    agreed.ok_or_else(|| connection.no_key(class, uri))
}

fn of_certificate(connection: &Connection, object: &Object) -> Result<PublicKey, Pkcs11Error> {
    let error = |error| Pkcs11Error::PublicKey { key: object.name(), error };
    let attributes = connection.attributes(object.handle, &[AttributeType::Value])?;
    let value = attributes.iter().find_map(|attribute| match attribute {
        Attribute::Value(value) => Some(value.as_slice()),
        _ => None,
    });
    let spki = value.and_then(|certificate| spki_of(certificate).ok());
    let spki = spki.ok_or(error(KeyError::Malformed { expected: "certificate" }))?;
    PublicKey::from_der(&spki).map_err(error)
}

/// The `SubjectPublicKeyInfo` of a certificate (RFC 5280, 4.1): the seventh member, or the sixth where there is no version.
fn spki_of(certificate: &[u8]) -> der::Result<Vec<u8>> {
    let certificate = AnyRef::from_der(certificate)?;
    let mut reader = SliceReader::new(certificate.value())?;
    let signed: AnyRef<'_> = reader.decode()?;
    let mut reader = SliceReader::new(signed.value())?;
    let mut first: AnyRef<'_> = reader.decode()?;
    if first.tag() != Tag::Integer {
        first = reader.decode()?;
    }
    first.tag().assert_eq(Tag::Integer)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        let _: AnyRef<'_> = reader.decode()?;
    }
    let spki: AnyRef<'_> = reader.decode()?;
    spki.to_der()
}

/// The public key that an object's own attributes make; nothing where it has none.
fn attributes(
    connection: &Connection,
    object: &Object,
) -> Result<Option<Result<PublicKey, KeyError>>, Pkcs11Error> {
    let Some(kind) = connection.key_type(object.handle)? else { return Ok(None) };
    let wanted = [
        AttributeType::Modulus,
        AttributeType::PublicExponent,
        AttributeType::EcParams,
        AttributeType::EcPoint,
    ];
    let wanted = match kind {
        KeyType::RSA => &wanted[..2],
        KeyType::EC | KeyType::EC_EDWARDS => &wanted[2..],
        other => return Ok(Some(Err(KeyError::UnsupportedAlgorithm { found: other.to_string() }))),
    };
    let (mut modulus, mut exponent, mut parameters, mut point) = (None, None, None, None);
    for attribute in connection.attributes(object.handle, wanted)? {
        match attribute {
            Attribute::Modulus(value) => modulus = Some(value),
            Attribute::PublicExponent(value) => exponent = Some(value),
            Attribute::EcParams(value) => parameters = Some(value),
            Attribute::EcPoint(value) => point = Some(value),
            _ => {}
        }
    }
    let some = |value: Option<Vec<u8>>| value.filter(|value| !value.is_empty());
    Ok(match (some(modulus), some(exponent), some(parameters), some(point)) {
        (Some(modulus), Some(exponent), ..) => Some(rsa(&modulus, &exponent)),
        (.., Some(parameters), Some(point)) if kind == KeyType::EC => Some(ec(&parameters, &point)),
        (.., Some(parameters), Some(point)) => Some(edwards(&parameters, &point)),
        _ => None,
    })
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<PublicKey, KeyError> {
    let malformed = |_| KeyError::Malformed { expected: "RSA public key" };
    let numbers = [UintRef::new(modulus).map_err(malformed)?, UintRef::new(exponent).map_err(malformed)?];
    let mut key = Vec::new();
    numbers.to_vec().encode_to_vec(&mut key).map_err(malformed)?;
    spki(RSA, AnyRef::NULL, &key)
}

fn ec(parameters: &[u8], point: &[u8]) -> Result<PublicKey, KeyError> {
    let malformed = |_| KeyError::Malformed { expected: "point of an elliptic curve" };
    let curve = ObjectIdentifier::from_der(parameters)
        .map_err(|_| KeyError::UnsupportedAlgorithm { found: "a curve by its parameters".to_owned() })?;
    let width = CURVES.iter().find(|(known, _)| *known == curve).map(|(_, width)| *width);
    // An OCTET STRING and an uncompressed point begin with the same byte: the length tells them apart.
    let bare = width.is_some_and(|width| point.len() == width.saturating_mul(2).saturating_add(1));
    let point = if bare { point } else { <&OctetStringRef>::from_der(point).map_err(malformed)?.as_bytes() };
    spki(EC, AnyRef::from(&curve), point)
}

fn edwards(parameters: &[u8], point: &[u8]) -> Result<PublicKey, KeyError> {
    let by_number =
        ObjectIdentifier::from_der(parameters).is_ok_and(|oid| oid == ED25519 || oid == ED25519_OF_GNU);
    let by_name = PrintableStringRef::from_der(parameters).is_ok_and(|name| name.as_str() == "edwards25519");
    if !by_number && !by_name {
        return Err(KeyError::UnsupportedAlgorithm {
            found: "an Edwards curve other than Ed25519".to_owned(),
        });
    }
    let malformed = |_| KeyError::Malformed { expected: "Ed25519 public key" };
    let point = if point.len() == 32 {
        point
    } else {
        <&OctetStringRef>::from_der(point).map_err(malformed)?.as_bytes()
    };
    spki(ED25519, None, point)
}

fn spki<'a>(
    oid: ObjectIdentifier,
    parameters: impl Into<Option<AnyRef<'a>>>,
    key: &[u8],
) -> Result<PublicKey, KeyError> {
    let malformed = |_| KeyError::Malformed { expected: "public key" };
    let spki = SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef { oid, parameters: parameters.into() },
        subject_public_key: BitStringRef::from_bytes(key).map_err(malformed)?,
    };
    PublicKey::from_der(&spki.to_der().map_err(malformed)?)
}
