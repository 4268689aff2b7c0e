package cloze.io;

/** Told now and then how far a long piece of work is; called from the thread that started the work. */
@FunctionalInterface
public interface Progress {
    Progress NONE = (done, total, unit) -> {};

    /**
     * So much is done.
     *
     * @param total -1 where it is not known
     * @param unit what is counted: "bytes", "merges", "words"
     */
    void at(long done, long total, String unit);
}
