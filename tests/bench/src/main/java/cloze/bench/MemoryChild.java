package cloze.bench;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.bench.peer.Torch;
import java.io.IOException;

/** Trains one side for a few steps and prints the {@link Resident} memory that this took. */
final class MemoryChild {
    private static final int STEPS = 3;

    private MemoryChild() {}

    /** @param arguments label of the step, {@code ours} or {@code peer}, threads */
    public static void main(String[] arguments) throws IOException {
        StepCase step = StepCase.matching(arguments[0]).getFirst();
        int threads = Integer.parseInt(arguments[2]);
        Resident resident = arguments[1].equals("ours") ? ours(step, threads) : peer(step, threads);
        System.out.println(resident);
    }

    private static Resident ours(StepCase step, int threads) throws IOException {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(threads))) {
            long before = Resident.now("VmRSS");
            try (TrainStep ours = step.ours(backend)) {
                return train(before, ours);
            }
        }
    }

    private static Resident peer(StepCase step, int threads) throws IOException {
        Torch.open(threads);
        var library = new BenchLibrary();
        long before = Resident.now("VmRSS");
        try (TrainStep peer = step.peer(library, null)) {
            return train(before, peer);
        }
    }

    private static Resident train(long before, TrainStep step) throws IOException {
        for (int i = 0; i < STEPS; i++) {
            step.run();
        }
        return new Resident(before, Resident.now("VmHWM"));
    }
}
