package cloze.bench;

/** One op on one side, run again and again: prepare, forward, backward, clear. */
public interface OpSide extends AutoCloseable {
    /** Restores inputs that the op overwrites. */
    default void prepare() {}

    void forward();

    void backward();

    /** What forward made. */
    float[] value();

    /** What backward made for the first input. */
    float[] gradient();

    /** Frees what forward and backward made. */
    void clear();

    @Override
    void close();
}
