package boot

import "fmt"

// A Machine is one kind of computer that QEMU emulates.
type Machine struct {
	Name   string   // Debian's name of the architecture: armhf
	Target string   // the suffix of `make cross`: arm7
	Kernel string   // the metapackage that always names the present kernel; "" without one
	QEMU   []string // the emulator and what makes it this machine
	NIC    string   // the -device that carries the network
	Disk   []string // how the state disk is attached; %s is the image
	Device string   // what the guest calls that disk
	// RootDisk is the -device of a second disk, which holds a squashfs root; ""
	// where none was tried.
	RootDisk string
	Serial   string // what the guest calls its console
	// Modules are needed for network and disk, in any order; what they depend
	// on is found in the package.
	Modules []string
	// Cmdline is what this kernel has to be told besides.
	Cmdline string
	// Memory is the least, in MiB, with which this kernel comes up and
	// unpacks our initramfs: below it hangs or dies before any program runs.
	Memory int
}

// Machines are the four that `make boot-test` boots.
var Machines = []Machine{
	{
		Name: "armhf", Target: "arm7", Kernel: "linux-image-armmp",
		QEMU:    []string{"qemu-system-arm", "-M", "virt", "-cpu", "cortex-a7"},
		NIC:     "virtio-net-device,netdev=n0",
		Disk:    virtioDisk("virtio-blk-device"),
		Device:  "/dev/vda",
		Serial:  "ttyAMA0",
		Modules: []string{"virtio_mmio", "virtio_net", "virtio_blk", "crc32c_generic", "ext4"},
		Memory:  64,
	},
	{
		Name: "arm64", Target: "arm64", Kernel: "linux-image-cloud-arm64",
		QEMU:    []string{"qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53"},
		NIC:     "virtio-net-device,netdev=n0",
		Disk:    virtioDisk("virtio-blk-device"),
		Device:  "/dev/vda",
		Serial:  "ttyAMA0",
		Modules: []string{"virtio_mmio", "virtio_net", "virtio_blk"},
		Memory:  64,
	},
	{
		// 24Kc has no floating point unit: the core of most MIPS routers.
		Name: "mipsel", Target: "mipsle", Kernel: "linux-image-4kc-malta",
		QEMU:    []string{"qemu-system-mipsel", "-M", "malta", "-cpu", "24Kc"},
		NIC:     "pcnet,netdev=n0",
		Disk:    []string{"-drive", "file=%s,format=raw,if=ide"},
		Device:  "/dev/sda",
		Serial:  "ttyS0",
		Modules: []string{"pcnet32", "ata_piix", "crc32c_generic", "ext4"},
		Memory:  56,
	},
	{
		Name: "amd64", Target: "amd64", Kernel: "linux-image-cloud-amd64",
		QEMU:     []string{"qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "qemu64"},
		NIC:      "virtio-net-pci,netdev=n0,romfile=",
		Disk:     virtioDisk("virtio-blk-pci"),
		RootDisk: "virtio-blk-pci",
		// Else it panics when the emulator gets no processor while it counts ticks.
		Cmdline: "no_timer_check",
		Device:  "/dev/vda",
		Serial:  "ttyS0",
		Modules: []string{"virtio_pci", "virtio_net", "virtio_blk"},
		Memory:  80,
	},
}

// BigEndian is a MIPS core of the other byte order, as in many routers. Debian has
// no kernel for it: mips/build.sh builds one with little in it, which leaves
// room for jobbox in 32 MiB of memory.
var BigEndian = Machine{
	Name: "mips", Target: "mips",
	QEMU:   []string{"qemu-system-mips", "-M", "malta", "-cpu", "24Kc"},
	NIC:    "pcnet,netdev=n0",
	Disk:   []string{"-drive", "file=%s,format=raw,if=ide"},
	Device: "/dev/sda",
	Serial: "ttyS0",
	Memory: 32,
}

// virtioDisk attaches a raw image to the named virtio device.
func virtioDisk(device string) []string {
	return []string{"-drive", "file=%s,format=raw,if=none,id=d0", "-device", device + ",drive=d0"}
}

// args is the emulator's command line for one boot. The guest reaches one port of
// the host's loopback, as guestAddress:8883.
func (m Machine) args(b Boot) []string {
	a := append([]string(nil), m.QEMU[1:]...)
	a = append(a, "-m", fmt.Sprint(b.Memory), "-nographic", "-no-reboot", "-monitor", "none",
		"-serial", "stdio", "-kernel", b.Kernel.Image, "-initrd", b.Initrd,
		"-append", "console="+m.Serial+" rdinit=/sbin/init quiet loglevel=3 panic=-1 "+m.Cmdline+" "+b.Cmdline,
		"-netdev", fmt.Sprintf("user,id=n0,restrict=on,host=10.0.2.9,guestfwd=tcp:%s:8883-cmd:busybox nc 127.0.0.1 %d", guestAddress, b.Port),
		"-device", m.NIC)
	for i, d := range m.Disk {
		if i == 1 {
			d = fmt.Sprintf(d, b.Disk)
		}
		a = append(a, d)
	}
	if b.Root != "" {
		a = append(a, "-drive", "file="+b.Root+",format=raw,if=none,id=d1,readonly=on", "-device", m.RootDisk+",drive=d1")
	}
	return a
}

// guestAddress is where the guest finds the broker.
const guestAddress = "10.0.2.2"
