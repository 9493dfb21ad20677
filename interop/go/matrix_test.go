package interop

import (
	"crypto"
	"errors"
	"runtime"
	"strings"
	"testing"
)

// way is one way to sign, and the ways to verify what it made.
type way struct {
	signer    peer
	algorithm string
	checks    []check
}

// check is one way to verify. If refused is set, the peer must refuse, for this reason: a peer that
// learns to verify fails the test, so that the table and waxseal's help are mended.
type check struct {
	verifier peer
	digest   crypto.Hash
	how      string
	refused  *refusal
}

// refusal is a peer's own limit.
type refusal struct {
	// says is what the peer's error must hold.
	says string
	// why goes into the table.
	why string
}

// What both cosigns say of a signature that is not the key's.
const (
	invalidLegacy         = "failed to verify signature"
	invalidECDSA          = "invalid signature when validating ASN.1 encoded signature"
	invalidLegacyEnvelope = "accepted signatures do not match threshold"
	invalidBundle         = "accepted signatures do not match threshold"
)

// TestMatrix signs with each peer and each key, in both formats, images and indexes, with and
// without the referrers API, and verifies with the others.
func TestMatrix(t *testing.T) {
	wax := theWaxseal(t)
	for _, kind := range kinds {
		for _, format := range formats {
			for _, way := range waysOf(t, wax, keyOf(t, kind.name, ""), format) {
				way.run(t, keyOf(t, kind.name, ""), format)
			}
		}
	}
}

// waysOf lists what is tried with a key in a format.
func waysOf(t *testing.T, wax waxseal, key *key, format format) []way {
	t.Helper()
	ours := way{signer: wax}
	short := way{signer: wax, algorithm: key.short}
	var ways []way
	for _, theirs := range cosigns {
		ours.checks = append(ours.checks, theirChecks(theirs, key, format, false)...)
		short.checks = append(short.checks, check{verifier: theirs, how: "waxseal sign --signing-algorithm " + key.short})
		made := way{signer: theirs, checks: []check{{verifier: wax}}}
		// A cosign that verifies its own signatures is no news; one that does not is.
		if own := theirChecks(theirs, key, format, true); own[0].refused != nil {
			made.checks = append(made.checks, own...)
		}
		ways = append(ways, made)
	}
	if key.short != "" {
		ways = append([]way{short}, ways...)
	}
	return append([]way{ours}, ways...)
}

// theirChecks are a cosign's ways to verify: without a flag first, then with the one that it needs.
// own says that the same cosign signed, which makes Ed25519 signatures that it cannot verify.
func theirChecks(theirs peer, key *key, format format, own bool) []check {
	says := invalidLegacy
	switch {
	case format == bundle:
		says = invalidBundle
	case key.own != 0:
		says = invalidECDSA
	}
	plain := check{verifier: theirs}
	switch {
	case key.own != 0:
		plain.refused = &refusal{says: says, why: "verifies over SHA-256, unless told otherwise"}
		flag := "cosign verify --signature-digest-algorithm " + strings.ToLower(strings.ReplaceAll(key.own.String(), "-", ""))
		return []check{plain, {verifier: theirs, digest: key.own, how: flag}}
	case key.name == "Ed25519" && own:
		plain.refused = &refusal{says: says, why: "signs Ed25519ph, verifies pure Ed25519; no flag helps"}
	}
	return []check{plain}
}

func (w way) run(t *testing.T, key *key, format format) {
	rows := make([]*row, len(w.checks))
	for at, check := range w.checks {
		announced := row{
			key: key.name, format: format, signed: w.signer.name(), verified: check.verifier.name(), how: check.how,
		}
		if check.refused != nil {
			announced.expected, announced.why = refused, check.refused.why
		}
		rows[at] = report.announce(announced)
	}
	everywhere(t, strings.Join([]string{key.name, string(format), w.signer.name(), w.algorithm}, " "), func(t *testing.T, p place, shape string) {
		pushed := p.push(t, shape)
		how := signing{key: key, format: format, algorithm: w.algorithm}
		if err := w.signer.sign(t.Context(), pushed.digest, how); err != nil {
			for _, row := range rows {
				report.record(t, row, cellOf(p.kind, shape))
			}
			t.Fatalf("%s does not sign: %v", w.signer.name(), err)
		}
		for at, check := range w.checks {
			t.Run(strings.Join([]string{check.verifier.name(), check.how}, " "), func(t *testing.T) {
				report.record(t, rows[at], cellOf(p.kind, shape))
				err := check.verifier.verify(t.Context(), pushed.digest, verifying{key: key, format: format, digest: check.digest})
				check.judge(t, err)
			})
		}
	})
}

func (c check) judge(t *testing.T, err error) {
	t.Helper()
	switch {
	case c.refused == nil && err != nil:
		t.Errorf("%s refuses: %v", c.verifier.name(), err)
	case c.refused != nil:
		mustRefuse(t, c.verifier, err, c.refused.says)
	}
}

// mustRefuse wants a refusal for one reason; waxseal's has its own exit code, so that "could not
// read" does not pass for it.
func mustRefuse(t *testing.T, verifier peer, err error, says string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s verifies what it should refuse", verifier.name())
		return
	}
	if failed := (*failure)(nil); errors.As(err, &failed) && failed.code != exitRefused {
		t.Errorf("waxseal ends with exit %d instead of %d: %s", failed.code, exitRefused, failed.said)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("%s refuses, but does not say %q: %v", verifier.name(), says, err)
	}
}

// everywhere runs a test on each kind of registry, for an image and for an index.
func everywhere(t *testing.T, what string, test func(t *testing.T, p place, shape string)) {
	t.Helper()
	t.Run(what, func(t *testing.T) {
		for _, kind := range placeKinds {
			for _, shape := range shapes {
				t.Run(cellOf(kind, shape), func(t *testing.T) {
					t.Parallel()
					opened, closePlace := openPlace(kind)
					t.Cleanup(closePlace)
					test(t, opened, shape)
				})
			}
		}
	})
}

func goVersion() string { return strings.Replace(runtime.Version(), "go", "Go ", 1) }
