package lab

// Steps are the processes of the device's steps that live now, and what they
// left running. The runner is none of them.
func (d *Device) Steps() []int {
	d.lab.t.Helper()
	pids, err := Processes(d.isStep)
	if err != nil {
		d.lab.t.Fatal(err)
	}
	return pids
}
