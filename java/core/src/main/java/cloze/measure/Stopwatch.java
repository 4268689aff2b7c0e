package cloze.measure;

import cloze.backend.Backend;
import java.util.Arrays;

/**
 * Measures the time of calls on a device. A call may return before its kernel has run, so many calls are made before a
 * wait. The result is the device's time, unless the host is slower to call.
 */
final class Stopwatch {
    /** Calls that are waited for together: device queues hold some more launches. */
    private static final int MOST_CALLS = 256;

    /** Calls that fit the queue of any device, so that none waits for a free place. */
    private static final int UNAWAITED = 64;

    private static final int SAMPLES = 15;
    private static final int LEAST_SAMPLES = 3;

    private final Backend backend;
    private final double seconds;

    /** @param seconds to spend on a measurement, after the warm-up */
    Stopwatch(Backend backend, double seconds) {
        this.backend = backend;
        this.seconds = seconds;
    }

    /** Seconds that a call takes, the median of a few samples. */
    double measure(Runnable call) {
        sample(call, 1); // loads kernels and makes choices
        double once = sample(call, 1);
        int calls = (int) Math.clamp(seconds / SAMPLES / once, 1, MOST_CALLS);
        var samples = new double[SAMPLES];
        int count = 0;
        double spent = 0;
        while (count < SAMPLES && (count < LEAST_SAMPLES || spent < seconds)) {
            samples[count] = sample(call, calls) / calls;
            spent += samples[count++] * calls;
        }
        return median(Arrays.copyOf(samples, count));
    }

    private double sample(Runnable call, int calls) {
        backend.synchronize();
        long begin = System.nanoTime();
        for (int i = 0; i < calls; i++) {
            call.run();
        }
        backend.synchronize();
        return Math.max(1, System.nanoTime() - begin) * 1e-9;
    }

    /** Seconds until a call returns, which may be before its kernel has run. */
    double untilReturn(Runnable call) {
        call.run();
        var samples = new double[SAMPLES];
        int count = 0;
        long start = System.nanoTime();
        while (count < SAMPLES && (count < LEAST_SAMPLES || System.nanoTime() - start < 1e9 * seconds)) {
            backend.synchronize();
            long begin = System.nanoTime();
            for (int i = 0; i < UNAWAITED; i++) {
                call.run();
            }
            samples[count++] = (System.nanoTime() - begin) * 1e-9 / UNAWAITED;
        }
        backend.synchronize();
        return median(Arrays.copyOf(samples, count));
    }

    static double median(double[] samples) {
        double[] sorted = samples.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
