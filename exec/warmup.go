package exec

import (
	"runtime"
	"sync"
)

// What a runner under limits must have before they are set. Go maps more
// address space than small limits allow before main begins, and needs little of
// it: from then on each further mapping would be refused and end the process,
// and so would each further thread under a limit on processes. So the runner
// takes once what it will ever need; Go gives neither threads nor its own
// bookkeeping back.
const (
	warmThreads = 12
	warmBytes   = 3 << 20
)

func warmUp(l Limits) {
	if l.AddressSpace == 0 && l.Processes == 0 {
		return
	}
	startThreads(warmThreads)
	touchHeap(warmBytes)
	runtime.GC()
}

// startThreads makes n threads be there at once; idle ones stay for later.
func startThreads(n int) {
	var there, ended sync.WaitGroup
	there.Add(n)
	ended.Add(n)
	for range n {
		go func() {
			defer ended.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			there.Done()
			there.Wait()
		}()
	}
	ended.Wait()
}

// touchHeap uses memory in objects of all sizes, so that the allocator has its
// bookkeeping for more than the runner ever holds.
func touchHeap(most int) {
	var keep [][]byte
	for used := 0; used < most; {
		for size := 16; size <= 64<<10; size *= 2 {
			keep = append(keep, make([]byte, size))
			used += size
		}
	}
	runtime.KeepAlive(keep)
}
