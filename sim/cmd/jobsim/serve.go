package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"jobbox/sim/broker"
	"jobbox/sim/cloud"
	"jobbox/sim/rest"
)

func runServe(ctx context.Context, c *call) error {
	var given settings
	given.MQTTPort, given.ALPNPort, given.RESTPort = -1, -1, -1
	c.portFlags(&given)
	policy := c.flags.String("policy", "minimal", "`NAME`: minimal as AWS recommends it for the Device Client, or jobs for all Jobs topics and any client id")
	quiet := c.flags.Bool("quiet", false, "do not log what devices do")
	c.notes = "\nPorts are those of init unless given. State is kept in DIR. SIGTERM and SIGINT end it.\n"
	words, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	dir := words[0]
	s, err := loadSettings(dir)
	if err != nil {
		return err
	}
	s.override(given)
	if err := s.pick(); err != nil {
		return err
	}
	options, err := serveOptions(s, *policy)
	if err != nil {
		return err
	}
	if !*quiet {
		options.Log = lineLogger(c.stderr)
	}
	return serve(ctx, c.stdout, dir, s, options)
}

func (s *settings) override(given settings) {
	for _, p := range []struct{ port, given *int }{{&s.MQTTPort, &given.MQTTPort}, {&s.ALPNPort, &given.ALPNPort}, {&s.RESTPort, &given.RESTPort}} {
		if *p.given >= 0 {
			*p.port = *p.given
		}
	}
}

func serveOptions(s settings, policy string) (cloud.Options, error) {
	o := cloud.Options{
		MQTTAddr: loopback(s.MQTTPort), ALPNAddr: loopback(s.ALPNPort), RESTAddr: loopback(s.RESTPort),
		Wrap: func(c *cloud.Cloud, api http.Handler) http.Handler { return control(c, api) },
	}
	switch policy {
	case "minimal":
	case "jobs":
		o.Policy = broker.AllJobs()
	default:
		return o, fmt.Errorf("policy %q: want minimal or jobs", policy)
	}
	return o, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// lineLogger writes one safe line an event.
func lineLogger(w io.Writer) func(string, ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(w, safeLine(fmt.Sprintf(format, args...)))
	}
}

func serve(ctx context.Context, stdout io.Writer, dir string, s settings, o cloud.Options) error {
	c, err := cloud.Start(dir, o)
	if err != nil {
		return err
	}
	if err := announce(stdout, dir, s, c); err != nil {
		c.Close()
		return err
	}
	<-ctx.Done()
	fmt.Fprintln(stdout, "jobsim: stopping")
	return c.Close()
}

// announce registers the things, brings their configurations up to the ports
// of now, and says where everything is.
func announce(w io.Writer, dir string, s settings, c *cloud.Cloud) error {
	if err := s.save(dir); err != nil {
		return err
	}
	names, err := things(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := c.Service.CreateThing(name, "", nil); err != nil {
			return fmt.Errorf("register thing %q: %w", name, err)
		}
		if err := setPort(dir, name, s.MQTTPort); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "jobsim: MQTT over TLS on localhost:%d, with ALPN %s on localhost:%d\n", s.MQTTPort, broker.ALPN, s.ALPNPort)
	fmt.Fprintf(w, "jobsim: %s: %s\n", rest.Notice, s.restURL())
	fmt.Fprintln(w, "\nThe AWS CLI, ready to paste:\n  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION="+c.Service.Region()+" AWS_PAGER=")
	for _, name := range names {
		printLines(w, dir, name, s.restURL(), c.Service.ARN("thing", name))
	}
	fmt.Fprintln(w, "\njobsim: ready")
	return nil
}

const sampleDocument = `{"operation":"echo","args":["Hello world!"],"includeStdOut":true}`

func printLines(w io.Writer, dir, thing, url, arn string) {
	fmt.Fprintf(w, "\nFor %s:\n", thing)
	fmt.Fprintf(w, "  jobbox agent --config-file %s\n", quote(deviceFiles(dir, thing).Config))
	fmt.Fprintf(w, "  aws --endpoint-url %s iot create-job --job-id hello --targets %s --document '%s'\n", url, arn, sampleDocument)
	fmt.Fprintf(w, "  aws --endpoint-url %s iot describe-job-execution --job-id hello --thing-name %s\n", url, thing)
}

// setPort changes the port in a device's configuration if it is another one.
func setPort(dir, thing string, port int) error {
	files := deviceFiles(dir, thing)
	conf, err := files.ReadConfig()
	if err != nil {
		return err
	}
	if conf["port"] == float64(port) {
		return nil
	}
	conf["port"] = port
	return files.WriteConfig(conf)
}
