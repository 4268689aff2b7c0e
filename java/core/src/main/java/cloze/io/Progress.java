package cloze.io;

/** Receives progress reports of long work, on the thread that started the work. */
@FunctionalInterface
public interface Progress {
    Progress NONE = (done, total, unit) -> {};

    /**
     * Reports the amount of work done.
     *
     * @param total -1 if unknown
     * @param unit of the counts: "bytes", "merges", "words"
     */
    void at(long done, long total, String unit);
}
