package applets

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"jobbox/config"
	"jobbox/internal/logging"
)

func init() {
	register(Applet{
		Name:    "check",
		Usage:   "check [OPTION...] [DOCUMENT...]",
		Summary: "look for mistakes in the configuration and in job documents",
		Help: `Takes the agent's options, and job documents as files ("-" for standard input).
Without a document, or with an option, the configuration is checked, and every
mistake named; with a document, that document. Nothing is connected to or run.

Exit status: 0 nothing is wrong, 1 a document would be rejected, 78 the
configuration is wrong. Warnings alone do not change it.`,
		Run: runCheck,
	})
}

// checkDocument says why a job document would be rejected. A build with the Jobs
// feature sets it.
var checkDocument func(data []byte) error

// maxDocumentRead bounds what check reads of a document; the limit of the
// service, 32 KiB, is checked with the rest.
const maxDocumentRead = 1 << 20

func runCheck(env *Env) int {
	withOptions := slices.ContainsFunc(env.Args, func(arg string) bool { return len(arg) > 1 && arg[0] == '-' })
	if len(env.Args) > 0 && !withOptions {
		return checkDocuments(env, env.Args)
	}
	c, documents, err := config.LoadArgs(env.Args, env.Getenv)
	for _, w := range append(c.Warnings, rootsWarning(c)...) {
		fmt.Fprintf(env.Stderr, "warning: %s\n", logging.Clean(w))
	}
	status := checkDocuments(env, documents)
	if err != nil {
		return configFailed(env, err)
	}
	describeConfig(env.Stdout, c)
	return status
}

// rootsWarning is said of a device that has nothing to trust an endpoint by,
// as small systems often have.
func rootsWarning(c config.Config) []string {
	if c.RootCA != "" {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err == nil && !pool.Equal(x509.NewCertPool()) {
		return nil
	}
	return []string{"root-ca: none is given and the system has no root certificates: no connection will succeed; give root-ca"}
}

func describeConfig(w io.Writer, c config.Config) {
	from := "no file"
	if c.File != "" {
		from = c.File
	}
	roots := "the system's"
	if c.RootCA != "" {
		roots = c.RootCA
	}
	fmt.Fprintf(w, "configuration ok: %s\n", from)
	fmt.Fprintf(w, "  endpoint     %s:%d\n", c.Endpoint, c.Port)
	if c.Proxy != nil {
		fmt.Fprintf(w, "  proxy        %s\n", c.Proxy)
	}
	fmt.Fprintf(w, "  thing        %s\n", c.ThingName)
	fmt.Fprintf(w, "  certificate  %s, until %s\n", c.Cert, c.CertNotAfter.UTC().Format(time.DateOnly))
	fmt.Fprintf(w, "  private key  %s\n", c.Key)
	fmt.Fprintf(w, "  root CA      %s\n", roots)
	fmt.Fprintf(w, "  log          %s\n", describeLog(c.Log))
	fmt.Fprintf(w, "  jobs         %s\n", describeJobs(c.Jobs))
}

func describeLog(l config.Log) string {
	s := l.Type + " from " + l.Level.String()
	if l.Type == config.LogFile {
		s += " to " + l.File
	}
	return s
}

func describeJobs(j config.Jobs) string {
	if !j.Enabled {
		return "none are taken (jobs.enabled is false)"
	}
	return "handlers in " + j.HandlerDir + ", state in " + j.StateDir
}

// checkDocuments checks each of the files and says how it went.
func checkDocuments(env *Env, files []string) int {
	if len(files) > 0 && checkDocument == nil {
		fmt.Fprintln(env.Stderr, "jobbox check: this build has no Jobs feature; it cannot check documents")
		return ExitUsage
	}
	status := ExitOK
	for _, name := range files {
		err := checkFile(env, name)
		if err != nil {
			fmt.Fprintf(env.Stderr, "%s: %s\n", logging.Clean(name), logging.Clean(err.Error()))
			status = ExitFailure
			continue
		}
		fmt.Fprintf(env.Stdout, "%s: ok\n", logging.Clean(name))
	}
	return status
}

func checkFile(env *Env, name string) error {
	data, err := readDocument(env, name)
	if err != nil {
		return err
	}
	return checkDocument(data)
}

// readDocument is a job document from a file, or from standard input for "-".
func readDocument(env *Env, name string) ([]byte, error) {
	in := env.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, errorText(err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxDocumentRead))
	if err != nil {
		return nil, errorText(err)
	}
	return data, nil
}

// errorText drops a path error's own words: the caller names the file.
func errorText(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return fmt.Errorf("cannot be read: %s", text)
}
