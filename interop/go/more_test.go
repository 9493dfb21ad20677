package interop

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// pair is who signs, who verifies, and in which format.
type pair struct {
	signer, verifier peer
	format           format
}

func (p pair) String() string {
	return fmt.Sprintf("%s, %s to %s", p.format, p.signer.name(), p.verifier.name())
}

// pairs are waxseal and each cosign, both ways, in both formats.
func pairs(wax waxseal) []pair {
	var all []pair
	for _, theirs := range cosigns {
		for _, format := range formats {
			all = append(all, pair{wax, theirs, format}, pair{theirs, wax, format})
		}
	}
	return all
}

// refusalOf is what a peer says when it refuses for the reason of a test: one of waxseal's codes,
// or words of the cosigns.
func (p pair) refusalOf(code, inLegacy, inBundle string) string {
	switch {
	case p.verifier.name() == "waxseal":
		return `"code":"` + code + `"`
	case p.format == bundle:
		return inBundle
	default:
		return inLegacy
	}
}

func TestWrongKeyIsRefused(t *testing.T) {
	wax := theWaxseal(t)
	signer, other := keyOf(t, "P-256", ""), keyOf(t, "P-256", "-other")
	for _, pair := range pairs(wax) {
		row := report.announce(row{
			format: pair.format, signed: pair.signer.name(), verified: pair.verifier.name(),
			how: "another key", expected: refused,
		})
		says := pair.refusalOf("signature-mismatch", invalidECDSA, invalidBundle)
		if pair.format == bundle {
			// A bundle names the key that made it.
			says = pair.refusalOf("untrusted-key", invalidECDSA, invalidBundle)
		}
		everywhere(t, pair.String(), func(t *testing.T, p place, shape string) {
			report.record(t, row, cellOf(p.kind, shape))
			pushed := p.push(t, shape)
			if err := pair.signer.sign(t.Context(), pushed.digest, signing{key: signer, format: pair.format}); err != nil {
				t.Fatal(err)
			}
			err := pair.verifier.verify(t.Context(), pushed.digest, verifying{key: other, format: pair.format})
			mustRefuse(t, pair.verifier, err, says)
		})
	}
}

// signedAnnotations hold what JSON of several writers escapes in several ways.
var signedAnnotations = map[string]string{"stage": "release", "note": `<a href="x">&amp;</a> ünï`, "empty": ""}

func TestAnnotations(t *testing.T) {
	wax := theWaxseal(t)
	key := keyOf(t, "P-256", "")
	for _, pair := range pairs(wax) {
		names := row{format: pair.format, signed: pair.signer.name(), verified: pair.verifier.name()}
		same, changed, extra := names, names, names
		same.how = "the annotations that were signed"
		changed.how, changed.expected = "an annotation with another value", refused
		extra.how, extra.expected = "an annotation that was not signed", refused
		mismatch, missing := "annotation-mismatch", "annotation-missing"
		if pair.format == bundle {
			switch (cosign2{}).name() {
			case pair.signer.name():
				same.expected, same.why = refused, "it signs no annotations in a bundle"
				mismatch = missing
			case pair.verifier.name():
				changed.expected, changed.why = admitted, "it looks at no annotations of a bundle"
				extra.expected, extra.why = changed.expected, changed.why
			}
		}
		rows := []*row{report.announce(same), report.announce(changed), report.announce(extra)}
		words := "missing or incorrect annotation"
		says := []string{
			pair.refusalOf(missing, words, words), pair.refusalOf(mismatch, words, words), pair.refusalOf(missing, words, words),
		}
		everywhere(t, pair.String(), func(t *testing.T, p place, shape string) {
			pushed := p.push(t, shape)
			err := pair.signer.sign(t.Context(), pushed.digest, signing{key: key, format: pair.format, annotations: signedAnnotations})
			if err != nil {
				t.Fatal(err)
			}
			for at, wanted := range []map[string]string{signedAnnotations, {"stage": "test"}, with(signedAnnotations, "more", "x")} {
				t.Run(rows[at].how, func(t *testing.T) {
					report.record(t, rows[at], cellOf(p.kind, shape))
					err := pair.verifier.verify(t.Context(), pushed.digest, verifying{key: key, format: pair.format, annotations: wanted})
					if rows[at].expected != refused {
						if err != nil {
							t.Errorf("%s refuses: %v", pair.verifier.name(), err)
						}
						return
					}
					mustRefuse(t, pair.verifier, err, says[at])
				})
			}
		})
	}
}

func with(annotations map[string]string, name, value string) map[string]string {
	more := maps.Clone(annotations)
	more[name] = value
	return more
}

// TestRecursive signs an index and its images in one go and verifies each by itself.
func TestRecursive(t *testing.T) {
	wax := theWaxseal(t)
	key := keyOf(t, "P-256", "")
	for _, pair := range pairs(wax) {
		row := report.announce(row{
			format: pair.format, signed: pair.signer.name(), verified: pair.verifier.name(),
			how: "`sign -r`, the index and each image by itself",
		})
		everywhere(t, pair.String(), func(t *testing.T, p place, shape string) {
			if shape != index {
				t.Skip("an image has no images in it")
			}
			report.record(t, row, cellOf(p.kind, shape))
			pushed := p.push(t, shape)
			how := signing{key: key, format: pair.format, recursive: true}
			if err := pair.signer.sign(t.Context(), pushed.digest, how); err != nil {
				t.Fatal(err)
			}
			if len(pushed.images) != 2 {
				t.Fatalf("the index has %d images, not 2", len(pushed.images))
			}
			for _, each := range append(pushed.images, pushed.digest) {
				for _, everyImage := range []bool{false, true} {
					check := verifying{key: key, format: pair.format, everyImage: everyImage}
					if err := pair.verifier.verify(t.Context(), each, check); err != nil {
						t.Errorf("%s refuses %s: %v", pair.verifier.name(), each, err)
					}
				}
			}
		})
	}
}

// TestWithoutRecursive is the other half: only the index was signed, so an image by itself is not.
func TestWithoutRecursive(t *testing.T) {
	wax := theWaxseal(t)
	key := keyOf(t, "P-256", "")
	for _, pair := range pairs(wax) {
		row := report.announce(row{
			format: pair.format, signed: pair.signer.name(), verified: pair.verifier.name(),
			how: "`sign` without `-r`, an image of the index by itself", expected: refused,
		})
		says := pair.refusalOf("no-signature", "no signatures found", "no valid bundles exist in registry")
		everywhere(t, pair.String(), func(t *testing.T, p place, shape string) {
			if shape != index {
				t.Skip("an image has no images in it")
			}
			report.record(t, row, cellOf(p.kind, shape))
			pushed := p.push(t, shape)
			if err := pair.signer.sign(t.Context(), pushed.digest, signing{key: key, format: pair.format}); err != nil {
				t.Fatal(err)
			}
			err := pair.verifier.verify(t.Context(), pushed.images[0], verifying{key: key, format: pair.format})
			mustRefuse(t, pair.verifier, err, says)
		})
	}
}

// TestBothFormats signs in both formats at once, as waxseal does unless told otherwise, and then
// lets a cosign add a signature of its own beside them.
func TestBothFormats(t *testing.T) {
	wax := theWaxseal(t)
	first, second := keyOf(t, "P-256", ""), keyOf(t, "P-256", "-other")
	for _, theirs := range cosigns {
		for _, format := range formats {
			names := row{format: format}
			ours, kept, added := names, names, names
			ours.signed, ours.verified = wax.name(), theirs.name()
			ours.how = "both formats at once, read in this one"
			kept.signed, kept.verified = wax.name(), theirs.name()
			kept.how = "the same, after " + theirs.name() + " added a signature by another key"
			added.signed, added.verified = theirs.name(), wax.name()
			added.how = "a signature that was added beside waxseal's"
			rows := []*row{report.announce(ours), report.announce(kept), report.announce(added)}
			everywhere(t, fmt.Sprintf("%s with %s", format, theirs.name()), func(t *testing.T, p place, shape string) {
				pushed := p.push(t, shape)
				if err := wax.sign(t.Context(), pushed.digest, signing{key: first, format: both}); err != nil {
					t.Fatal(err)
				}
				verifies := func(into *row, verifier peer, key *key) {
					t.Run(strings.ReplaceAll(into.how, " ", "_"), func(t *testing.T) {
						report.record(t, into, cellOf(p.kind, shape))
						if err := verifier.verify(t.Context(), pushed.digest, verifying{key: key, format: format}); err != nil {
							t.Errorf("%s refuses: %v", verifier.name(), err)
						}
					})
				}
				verifies(rows[0], theirs, first)
				if err := theirs.sign(t.Context(), pushed.digest, signing{key: second, format: format}); err != nil {
					t.Fatal(err)
				}
				verifies(rows[1], theirs, first)
				verifies(rows[2], wax, second)
			})
		}
	}
}
