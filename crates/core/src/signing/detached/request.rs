//! The request: what is to be signed, how it travels, and what is made of what comes back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{DetachedError, DetachedResponse, PayloadKind, REQUEST_SCHEMA, shown};
use crate::candidate::Format;
use crate::digest::Digest;
use crate::encoding::base64_encode;
use crate::key::{PublicKey, Scheme, Signature, Signer};
use crate::predicate::PredicateType;
use crate::signing::{AttestationRequest, SignedAttestation, SignedImage, SigningError, SigningRequest};
use crate::simple_signing;
use crate::statement::{Statement, StatementSubject};

/// What is to be signed elsewhere: one claim about one image, in one or both formats.
#[derive(Clone, Debug)]
pub struct DetachedRequest {
    prepared: Prepared,
    shown: ToBeSigned,
    /// The kinds of the whole request, if it was narrowed since.
    kinds: Vec<PayloadKind>,
    id: Digest,
}

#[derive(Clone, Debug)]
enum Prepared {
    Signature(SigningRequest),
    Attestation(AttestationRequest),
}

/// What is signed, read from the bytes that are signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToBeSigned {
    /// The predicate type of an attestation; none: it is an image's signature.
    pub predicate_type: Option<PredicateType>,
    /// What it is about: digests, names and annotations. Of an image's signature there is one.
    pub subjects: Vec<StatementSubject>,
    /// The predicate of an attestation.
    pub predicate: Option<Box<RawValue>>,
}

/// What was signed elsewhere, verified and ready to be stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignedElsewhere {
    /// Signatures of an image.
    Signature(SignedImage),
    /// An attestation.
    Attestation(SignedAttestation),
}

impl ToBeSigned {
    /// Whether it is about this digest and nothing else: every subject has it, and no other.
    pub fn is_only_about(&self, digest: &Digest) -> bool {
        !self.subjects.is_empty()
            && self.subjects.iter().all(|subject| subject.digests.as_slice() == [*digest].as_slice())
    }
}

impl DetachedRequest {
    /// Asks for an image's signature.
    pub fn signature(request: SigningRequest) -> Self {
        let subject = StatementSubject {
            name: request.name().map(ToOwned::to_owned),
            digests: vec![*request.digest()],
            annotations: values(request.annotations()),
        };
        let shown = ToBeSigned { predicate_type: None, subjects: vec![subject], predicate: None };
        Self::of(Prepared::Signature(request), shown)
    }

    /// Asks for an attestation. All of its statement but the predicate has to be what a person is shown.
    pub fn attestation(request: AttestationRequest) -> Result<Self, DetachedError> {
        for (format, statement) in request.statements() {
            let kind = if format == Format::Legacy { PayloadKind::DsseLegacy } else { PayloadKind::Dsse };
            shown::whole(kind, statement)?;
        }
        let mut statements = request.statements();
        let Some((_, statement)) = statements.next() else { return Err(DetachedError::Empty) };
        let read = Statement::parse(statement)
            .map_err(|error| DetachedError::Signing(SigningError::Statement(error)))?;
        drop(statements);
        let shown = ToBeSigned {
            predicate_type: Some(request.predicate_type().clone()),
            subjects: read.subjects,
            predicate: read.predicate,
        };
        Ok(Self::of(Prepared::Attestation(request), shown))
    }

    fn of(prepared: Prepared, shown: ToBeSigned) -> Self {
        let mut request = Self { prepared, shown, kinds: Vec::new(), id: Digest::of([]) };
        let lines = request.messages().map(|(kind, message)| format!("{kind} {}\n", Digest::of(message)));
        request.id = Digest::of(lines.collect::<String>());
        request.kinds = request.messages().map(|(kind, _)| kind).collect();
        request
    }

    /// The same for these formats alone, of those that it has. It stays the request that was sent: a response to that one
    /// is a response to this one.
    pub fn only(self, formats: &[Format]) -> Result<Self, DetachedError> {
        let has: Vec<_> = self.messages().map(|(kind, _)| kind.format()).collect();
        let formats: Vec<_> = has.into_iter().filter(|format| formats.contains(format)).collect();
        if formats.is_empty() {
            return Err(DetachedError::Empty);
        }
        let prepared = match self.prepared {
            Prepared::Signature(request) => {
                let (name, annotations) =
                    (request.name().map(ToOwned::to_owned), request.annotations().clone());
                SigningRequest::image(*request.digest(), name, annotations, &formats).map(Prepared::Signature)
            }
            Prepared::Attestation(request) => {
                let of_format = |format: Format| {
                    let mut statements = request.statements();
                    let found = statements.find(|(of, _)| *of == format);
                    Ok(found.map(|(_, bytes)| bytes.to_vec()).unwrap_or_default())
                };
                AttestationRequest::of(of_format, &formats).map(Prepared::Attestation)
            }
        };
        Ok(Self { prepared: prepared.map_err(DetachedError::Signing)?, ..self })
    }

    /// What is signed, read from the bytes that are signed.
    pub const fn to_be_signed(&self) -> &ToBeSigned {
        &self.shown
    }

    /// The request as its response names it: the SHA-256 digest over a line for each payload, its kind and the SHA-256
    /// digest of the bytes that are signed.
    pub const fn id(&self) -> &Digest {
        &self.id
    }

    /// Every kind of payload of the request that was sent.
    pub fn kinds(&self) -> &[PayloadKind] {
        &self.kinds
    }

    fn kind(&self, format: Format) -> PayloadKind {
        match (&self.prepared, format) {
            (Prepared::Signature(_), Format::Legacy) => PayloadKind::SimpleSigning,
            (Prepared::Attestation(_), Format::Legacy) => PayloadKind::DsseLegacy,
            (_, Format::Bundle) => PayloadKind::Dsse,
        }
    }

    /// The payloads, each as it is stored.
    pub fn payloads(&self) -> Vec<(PayloadKind, &[u8])> {
        let of = |(format, payload)| (self.kind(format), payload);
        match &self.prepared {
            Prepared::Signature(request) => request.payloads().map(of).collect(),
            Prepared::Attestation(request) => request.statements().map(of).collect(),
        }
    }

    /// The bytes that are signed, for each payload.
    pub fn messages(&self) -> impl Iterator<Item = (PayloadKind, &[u8])> {
        let messages: Vec<_> = match &self.prepared {
            Prepared::Signature(request) => request.messages().collect(),
            Prepared::Attestation(request) => request.messages().collect(),
        };
        messages.into_iter().map(|(format, message)| (self.kind(format), message))
    }

    /// The request as JSON, with a summary for people: `made` is when it was made.
    pub fn to_json(&self, made: Timestamp) -> String {
        let subject = |subject: &StatementSubject| {
            json!({
                "name": subject.name,
                "digest": subject.digests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                "annotations": subject.annotations,
            })
        };
        let signs = self.shown.predicate_type.as_ref().map_or(simple_signing::TYPE, PredicateType::as_str);
        let summary = json!({
            "signs": signs,
            "subjects": self.shown.subjects.iter().map(subject).collect::<Vec<_>>(),
            "made": made.to_string(),
        });
        json!({ "schema": REQUEST_SCHEMA, "payloads": self.encoded(), "summary": summary }).to_string()
    }

    /// The same without the summary, where every byte counts.
    pub fn to_compact_json(&self) -> String {
        json!({ "schema": REQUEST_SCHEMA, "payloads": self.encoded() }).to_string()
    }

    fn encoded(&self) -> Value {
        let entry =
            |(kind, payload): (PayloadKind, &[u8])| (kind.name().to_owned(), base64_encode(payload).into());
        Value::Object(self.payloads().into_iter().map(entry).collect())
    }

    /// Signs every payload.
    pub fn sign(&self, signer: &dyn Signer) -> Result<DetachedResponse, SigningError> {
        let signatures: Result<_, _> =
            self.messages().map(|(kind, message)| Ok((kind, signer.sign(message)?))).collect();
        let signatures = signatures.map_err(SigningError::Sign)?;
        Ok(DetachedResponse::new(self.id, signer.public_key().id(), signatures))
    }

    /// Verifies what came back with the key that the caller names, and puts it together (rules G1, G5).
    pub fn assemble(
        self,
        key: &PublicKey,
        response: &DetachedResponse,
    ) -> Result<SignedElsewhere, DetachedError> {
        if response.request() != &self.id {
            let (expected, found) = (self.id.to_string(), response.request().to_string());
            return Err(DetachedError::OtherRequest { expected, found });
        }
        if response.key() != &key.id() {
            let (expected, found) = (key.id().to_string(), response.key().to_string());
            return Err(DetachedError::OtherKey { expected, found });
        }
        if let Some(kind) = response.signatures().keys().copied().find(|kind| !self.kinds.contains(kind)) {
            return Err(DetachedError::SuperfluousSignature { kind });
        }
        let schemes = Scheme::accepted_for(key.algorithm());
        let mut signatures: Vec<(Format, Signature)> = Vec::new();
        for (kind, message) in self.messages() {
            let signature =
                response.signatures().get(&kind).ok_or(DetachedError::MissingSignature { kind })?;
            if key.verify(message, signature.as_bytes(), schemes).is_none() {
                return Err(DetachedError::DoesNotVerify { kind });
            }
            signatures.push((kind.format(), signature.clone()));
        }
        match self.prepared {
            Prepared::Signature(request) => {
                request.assemble(key, schemes, &signatures).map(SignedElsewhere::Signature)
            }
            Prepared::Attestation(request) => {
                request.assemble(key, schemes, &signatures).map(SignedElsewhere::Attestation)
            }
        }
        .map_err(DetachedError::Signing)
    }
}

fn values(annotations: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    annotations.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect()
}
