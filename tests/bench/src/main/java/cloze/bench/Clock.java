package cloze.bench;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/** CPU time of this thread where one thread works, since it does not depend on what else runs; else the wall's. */
public final class Clock {
    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    private final boolean wall;

    public Clock(int threadCount) {
        wall = threadCount > 1;
    }

    /** In ns. */
    public long now() {
        return wall ? System.nanoTime() : threads.getCurrentThreadCpuTime();
    }

    /** The ns that {@code work} takes. */
    public double time(Runnable work) {
        long begin = now();
        work.run();
        return (double) (now() - begin);
    }

    @Override
    public String toString() {
        return wall ? "wall time" : "CPU time of one thread";
    }
}
