//! Objects of a token: finding the one that a URI means.

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};

use super::connection::{Connection, failed};
use crate::KeyDescription;
use crate::error::Pkcs11Error;
use crate::limits::{LISTED, OBJECTS};
use crate::uri::{ObjectType, Pkcs11Uri, percent};

/// The classes of objects that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Private,
    Public,
    Certificate,
}

impl Class {
    const fn attribute(self) -> ObjectClass {
        match self {
            Self::Private => ObjectClass::PRIVATE_KEY,
            Self::Public => ObjectClass::PUBLIC_KEY,
            Self::Certificate => ObjectClass::CERTIFICATE,
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Private => "private key",
            Self::Public => "public key",
            Self::Certificate => "certificate",
        }
    }

    const fn kind(self) -> ObjectType {
        match self {
            Self::Private => ObjectType::Private,
            Self::Public => ObjectType::Public,
            Self::Certificate => ObjectType::Certificate,
        }
    }
}

/// An object, with the two names that it may have.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) handle: ObjectHandle,
    pub(super) label: String,
    pub(super) id: Vec<u8>,
}

impl Object {
    /// How errors call it.
    pub(super) fn name(&self) -> String {
        format!("{:?} (id={})", self.label, percent(&self.id))
    }
}

impl Connection {
    /// Every object of a class that the URI means.
    pub(super) fn objects(&self, class: Class, uri: &Pkcs11Uri) -> Result<Vec<Object>, Pkcs11Error> {
        let mut template = Vec::new();
        if let Some(object) = &uri.object {
            template.push(Attribute::Label(object.as_bytes().to_vec()));
        }
        if let Some(id) = &uri.id {
            template.push(Attribute::Id(id.clone()));
        }
        self.with(class, template)
    }

    /// The one object of a class that the URI means.
    pub(super) fn object(&self, class: Class, uri: &Pkcs11Uri) -> Result<Object, Pkcs11Error> {
        let mut found = self.objects(class, uri)?;
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(self.no_key(class, uri)),
            (Some(one), false) => {
                found.push(one);
                Err(self.several(uri, &found))
            }
        }
    }

    /// Every object of a class with these attributes.
    pub(super) fn with(
        &self,
        class: Class,
        mut template: Vec<Attribute>,
    ) -> Result<Vec<Object>, Pkcs11Error> {
        const WHAT: &str = "looking for objects in the token";
        template.push(Attribute::Class(class.attribute()));
        let mut handles = Vec::new();
        // The search ends when the iterator is dropped, before anything else is asked in the session.
        for handle in self.session.iter_objects(&template).map_err(failed(WHAT))? {
            if handles.len() >= OBJECTS {
                return Err(Pkcs11Error::TooMany { what: "objects in the token", limit: OBJECTS });
            }
            handles.push(handle.map_err(failed(WHAT))?);
        }
        handles.into_iter().map(|handle| self.read(handle)).collect()
    }

    pub(super) fn no_key(&self, class: Class, uri: &Pkcs11Uri) -> Pkcs11Error {
        let there = self.with(class, Vec::new()).unwrap_or_default();
        Pkcs11Error::NoKey {
            what: class.words(),
            token: self.token.name(),
            wanted: wanted(uri),
            there: there.iter().take(LISTED).map(Object::name).collect(),
        }
    }

    pub(super) fn several(&self, uri: &Pkcs11Uri, found: &[Object]) -> Pkcs11Error {
        Pkcs11Error::SeveralKeys {
            token: self.token.name(),
            wanted: wanted(uri),
            found: found.iter().take(LISTED).map(Object::name).collect(),
        }
    }

    /// The values of those attributes that the object has and gives.
    pub(super) fn attributes(
        &self,
        handle: ObjectHandle,
        wanted: &[AttributeType],
    ) -> Result<Vec<Attribute>, Pkcs11Error> {
        self.session.get_attributes(handle, wanted).map_err(failed("reading an object of the token"))
    }

    /// What kind of key it is; nothing where the object does not tell.
    pub(super) fn key_type(&self, handle: ObjectHandle) -> Result<Option<KeyType>, Pkcs11Error> {
        let attributes = self.attributes(handle, &[AttributeType::KeyType])?;
        Ok(attributes.into_iter().find_map(|attribute| match attribute {
            Attribute::KeyType(kind) => Some(kind),
            _ => None,
        }))
    }

    pub(super) fn key_description(
        &self,
        object: &Object,
        class: Class,
    ) -> Result<KeyDescription, Pkcs11Error> {
        let mut uri = self.token.uri();
        uri.kind = Some(class.kind());
        uri.object = Some(object.label.clone()).filter(|label| !label.is_empty());
        uri.id = Some(object.id.clone()).filter(|id| !id.is_empty());
        let public = match class {
            Class::Private => super::public::of_private(self, object),
            _ => super::public::of_public(self, object),
        };
        let kind = match public {
            Ok(key) => key.algorithm().to_string(),
            Err(_) => {
                self.key_type(object.handle)?.map_or_else(|| "unknown".to_owned(), |kind| kind.to_string())
            }
        };
        Ok(KeyDescription { uri, kind })
    }

    fn read(&self, handle: ObjectHandle) -> Result<Object, Pkcs11Error> {
        let mut object = Object { handle, label: String::new(), id: Vec::new() };
        for attribute in self.attributes(handle, &[AttributeType::Label, AttributeType::Id])? {
            match attribute {
                Attribute::Label(label) => object.label = String::from_utf8_lossy(&label).into_owned(),
                Attribute::Id(id) => object.id = id,
                _ => {}
            }
        }
        Ok(object)
    }
}

/// The part of the URI that is about the object.
fn wanted(uri: &Pkcs11Uri) -> String {
    let about =
        Pkcs11Uri { object: uri.object.clone(), id: uri.id.clone(), kind: uri.kind, ..Pkcs11Uri::default() };
    about.to_string()
}
