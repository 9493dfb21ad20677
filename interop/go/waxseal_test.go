package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

// waxseal is the binary that WAXSEAL names.
type waxseal struct{ path string }

// theWaxseal skips the test if there is no binary to test.
func theWaxseal(t testing.TB) waxseal {
	t.Helper()
	path := os.Getenv("WAXSEAL")
	if path == "" {
		t.Skip("WAXSEAL is not set: set it to the path of the waxseal binary, or run interop/run")
	}
	return waxseal{path: path}
}

func (waxseal) name() string { return "waxseal" }

func (w waxseal) sign(ctx context.Context, image name.Digest, how signing) error {
	arguments := []string{"sign", "--key", how.key.private, "--format", string(how.format)}
	if how.algorithm != "" {
		arguments = append(arguments, "--signing-algorithm", how.algorithm)
	}
	if how.recursive {
		arguments = append(arguments, "-r")
	}
	return w.run(ctx, append(annotationFlags(arguments, how.annotations), image.String())...)
}

func (w waxseal) verify(ctx context.Context, image name.Digest, how verifying) error {
	arguments := []string{"verify", "--key", how.key.public, "--format", string(how.format), "--output", "verdict"}
	if how.everyImage {
		arguments = append(arguments, "--all-platforms")
	}
	return w.run(ctx, append(annotationFlags(arguments, how.annotations), image.String())...)
}

// signLayout signs what a layout holds; a legacy signature needs a name to be signed for.
func (w waxseal) signLayout(ctx context.Context, directory string, how signing) error {
	return w.run(ctx, "sign", "--key", how.key.private, "--format", string(how.format),
		"--identity", "registry.example/team/app", "oci:"+directory)
}

func (w waxseal) verifyLayout(ctx context.Context, directory string, how verifying) error {
	return w.run(ctx, "verify", "--key", how.key.public, "--format", string(how.format), "--output", "verdict",
		"--local-image", directory)
}

func annotationFlags(arguments []string, annotations map[string]string) []string {
	for name, value := range annotations {
		arguments = append(arguments, "-a", name+"="+value)
	}
	return arguments
}

// exitRefused is waxseal's exit code for evidence that could be read and does not suffice.
const exitRefused = 1

// failure is a waxseal that ended with another code than 0.
type failure struct {
	code int
	said string
}

func (f *failure) Error() string { return fmt.Sprintf("waxseal: exit %d: %s", f.code, f.said) }

// run starts the binary with nothing in its environment that could point it elsewhere.
func (w waxseal) run(ctx context.Context, arguments ...string) error {
	command := exec.CommandContext(ctx, w.path, arguments...)
	command.Env = []string{"HOME=" + workDir, "COSIGN_PASSWORD=" + password}
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &failure{code: exit.ExitCode(), said: strings.TrimSpace(said.String())}
	}
	return err
}
