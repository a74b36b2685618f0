package service

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// A model is what a device and an operator can know of the service from its
// answers, its notifications and its watch, held against each other.
type model struct {
	t       *testing.T
	s       *Service
	dir     string
	rnd     *rand.Rand
	log     []string
	version map[string]int64  // thing/job/number/seq: last version seen
	final   map[string]Status // the final status, once it was seen
	head    map[string]string // thing: next execution by the last notify-next
	list    map[string]string // thing: pending ones by the last notify
	jobs    int
}

var modelThings = []string{"t", "u"}

// TestInvariants does random things to a service, restarts among them, and
// checks after each that what was promised holds.
func TestInvariants(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newModel(t, seed).run(150) })
	}
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, dir: t.TempDir(), rnd: rand.New(rand.NewPCG(seed, 0)),
		version: map[string]int64{}, final: map[string]Status{}, head: map[string]string{}, list: map[string]string{},
	}
	m.open()
	for _, thing := range modelThings {
		m.s.CreateThing(thing, "", nil)
	}
	return m
}

func (m *model) open() {
	m.s = reopen(m.t, m.s, m.dir, Options{})
	m.s.OnNotify(m.notified)
}

func (m *model) run(steps int) {
	for range steps {
		m.step()
		m.check()
		if m.t.Failed() {
			m.t.Fatalf("steps:\n%s", strings.Join(m.log, "\n"))
		}
	}
}

func (m *model) step() {
	job := fmt.Sprint("job-", m.rnd.IntN(m.jobs+1))
	thing := modelThings[m.rnd.IntN(len(modelThings))]
	force := m.rnd.IntN(2) == 0
	switch m.rnd.IntN(12) {
	case 0, 1, 2:
		m.create()
	case 3, 4:
		m.request(thing, "start-next", `{"stepTimeoutInMinutes":3}`)
	case 5, 6, 7:
		status := []Status{InProgress, Succeeded, Failed, Rejected}[m.rnd.IntN(4)]
		m.request(thing, job+"/update", fmt.Sprintf(`{"status":"%s","statusDetails":{"n":"%d"}}`, status, m.rnd.Int()))
	case 8:
		m.note("cancel %s on %s %v: %v", job, thing, force, m.s.CancelJobExecution(job, thing, CancelExecutionInput{Force: force}))
	case 9:
		_, err := m.s.CancelJob(job, CancelJobInput{Force: force})
		m.note("cancel %s %v: %v", job, force, err)
	case 10:
		m.note("delete %s %v: %v", job, force, m.s.DeleteJob(job, force))
	case 11:
		m.timeOrRestart()
	}
}

func (m *model) timeOrRestart() {
	if m.rnd.IntN(2) == 0 {
		m.note("advance")
		m.s.Advance(2 * time.Minute)
		return
	}
	m.note("restart")
	before := dump(m.t, m.s)
	m.open()
	if after := dump(m.t, m.s); before != after {
		m.t.Errorf("a restart changed\n%s\ninto\n%s", before, after)
	}
}

func (m *model) create() {
	m.jobs++
	in := CreateJobInput{Targets: []string{target + "t", target + "u"}[m.rnd.IntN(2):], Document: `{}`}
	if m.rnd.IntN(2) == 0 {
		in.RetryConfig = &RetryConfig{[]RetryCriteria{{"ALL", 1}}}
	}
	_, err := m.s.CreateJob(fmt.Sprint("job-", m.jobs), in)
	m.note("create job-%d %v: %v", m.jobs, in.Targets, err)
}

func (m *model) request(thing, tail, payload string) {
	answers := m.s.Request("$aws/things/"+thing+"/jobs/"+tail, []byte(payload))
	m.note("%s %s %s: %s", thing, tail, payload, answers[0].Payload)
	if len(answers) != 1 {
		m.t.Errorf("%d answers to one request", len(answers))
	}
}

func (m *model) note(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }

// notified keeps what a device knows from notifications alone.
func (m *model) notified(msg Message) {
	type summary struct {
		JobID           string
		ExecutionNumber int64
	}
	var body struct {
		Jobs      map[string][]summary
		Execution *summary
	}
	if err := json.Unmarshal(msg.Payload, &body); err != nil {
		m.t.Errorf("%s: %v", msg.Topic, err)
	}
	thing := strings.Split(msg.Topic, "/")[2]
	if strings.HasSuffix(msg.Topic, "/notify") {
		var all []string
		for _, list := range body.Jobs {
			for _, e := range list {
				all = append(all, fmt.Sprint(e.JobID, "/", e.ExecutionNumber))
			}
		}
		slices.Sort(all)
		m.list[thing] = strings.Join(all, " ")
		return
	}
	now := ""
	if body.Execution != nil {
		now = fmt.Sprint(body.Execution.JobID, "/", body.Execution.ExecutionNumber)
	}
	if now == m.head[thing] {
		m.t.Errorf("notify-next for %s says %q again", thing, now)
	}
	m.head[thing] = now
}

func (m *model) check() {
	for _, thing := range modelThings {
		m.checkQueue(thing)
		for _, e := range m.s.History(thing) {
			m.checkEvent(e)
		}
	}
	for _, j := range m.s.ListJobs() {
		m.checkJob(j)
	}
}

// The queue is what notifications said it is, in the order in which AWS lists
// it, and its head is what start-next would return.
func (m *model) checkQueue(thing string) {
	inProgress, queued, err := m.s.Pending(thing)
	if err != nil {
		m.t.Fatal(err)
	}
	pending := append(inProgress, queued...)
	var names []string
	for _, e := range pending {
		names = append(names, fmt.Sprint(e.JobID, "/", e.Number))
	}
	next, err := m.s.DescribeExecution(thing, "$next", 0)
	if err != nil {
		m.t.Fatal(err)
	}
	head := ""
	if next != nil {
		head = fmt.Sprint(next.JobID, "/", next.Number)
	}
	if len(names) > 0 && names[0] != head || head != m.head[thing] {
		m.t.Errorf("%s: queue %v, next %q, notified %q", thing, names, head, m.head[thing])
	}
	names = names[:min(len(names), maxNotifyJobs)]
	if len(pending) <= maxNotifyJobs {
		slices.Sort(names)
		if got := strings.Join(names, " "); got != m.list[thing] {
			m.t.Errorf("%s: pending %q, notified %q", thing, got, m.list[thing])
		}
	}
	for _, list := range [][]Execution{inProgress, queued} {
		if !slices.IsSortedFunc(list, func(a, b Execution) int { return int(a.Seq) - int(b.Seq) }) {
			m.t.Errorf("%s: not in order: %s", thing, encode(list))
		}
	}
}

// Versions grow by one, and nothing follows a final status but a deletion.
func (m *model) checkEvent(e Execution) {
	key := fmt.Sprint(e.Thing, "/", e.JobID, "/", e.Number, "/", e.Seq)
	last := m.version[key]
	switch {
	case e.Version <= last || e.Deleted:
		return // checked after an earlier step
	case e.Version != last+1:
		m.t.Errorf("%s: version %d after %d", key, e.Version, last)
	case m.final[key] != "":
		m.t.Errorf("%s: %s after %s", key, e.Status, m.final[key])
	}
	m.version[key] = e.Version
	if e.Status.Final() {
		m.final[key] = e.Status
	}
}

func (m *model) checkJob(j Job) {
	all, err := m.s.ListJobExecutionsForJob(j.JobID)
	if err != nil {
		m.t.Fatal(err)
	}
	counts := map[Status]int{}
	for _, e := range all {
		counts[e.Status]++
	}
	if active := counts[Queued] + counts[InProgress]; j.Status == JobCompleted && active > 0 || j.Status == JobInProgress && active == 0 {
		m.t.Errorf("job %s is %s with %v", j.JobID, j.Status, counts)
	}
	if j.Status == JobCanceled && (counts[Queued] > 0 || j.ForceCanceled && counts[InProgress] > 0) {
		m.t.Errorf("job %s is cancelled with %v", j.JobID, counts)
	}
}
