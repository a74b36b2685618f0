// Package nearest finds the name that somebody who mistyped one had in mind.
package nearest

// maxName bounds the work: nobody mistypes a name of this length.
const maxName = 64

// Find is the one of names that takes the fewest edits (insert, delete, change
// or swap of neighbours) to reach from name; false where none is near enough to
// be meant. Of equally near names the first wins.
func Find(name string, names []string) (string, bool) {
	if len(name) > maxName {
		return "", false
	}
	best, bestAt := "", 1+max(1, len(name)/3)
	for _, candidate := range names {
		if d := distance(name, candidate); d < bestAt {
			best, bestAt = candidate, d
		}
	}
	return best, best != ""
}

// distance is the optimal string alignment distance, counted in bytes.
func distance(a, b string) int {
	older, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, last, row = last, row, older
	}
	return last[len(b)]
}
