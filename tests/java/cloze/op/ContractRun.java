package cloze.op;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.opentest4j.TestAbortedException;

/**
 * Runs test classes where there is no Maven, within a time, and prints a line for each:
 *
 * <pre>
 * ContractRun SECONDS CLASS...
 * </pre>
 *
 * <p>Exits 0 if all passed, 1 if one failed or has nothing to run, 3 if time was up before all had run.
 */
public final class ContractRun {
    /** Failures of a class that are shown. */
    private static final int SHOWN = 3;

    private final Launcher launcher = LauncherFactory.create();
    private final long end;
    private int failed;
    private int missed;
    private int passed;

    private ContractRun(double seconds) {
        end = System.nanoTime() + (long) (1e9 * seconds);
    }

    /** Runs what the arguments name. */
    public static void main(String[] arguments) throws InterruptedException, ClassNotFoundException {
        var run = new ContractRun(Double.parseDouble(arguments[0]));
        var classes = new ArrayList<Class<?>>();
        for (String name : Arrays.asList(arguments).subList(1, arguments.length)) {
            classes.add(Class.forName(name));
        }
        run.stopInTime();
        classes.forEach(run::run);
        System.out.printf(Locale.ROOT, "%d passed, %d failed, %d not run%n", run.passed, run.failed, run.missed);
        System.exit(run.failed > 0 ? 1 : run.missed > 0 ? 3 : 0);
    }

    /** From then on contracts skip what is left of them. */
    private void stopInTime() {
        Thread.ofPlatform().daemon().start(() -> {
            try {
                new CountDownLatch(1).await(end - System.nanoTime(), TimeUnit.NANOSECONDS);
                System.setProperty(OpContract.STOP, "true");
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private void run(Class<?> test) {
        if (System.nanoTime() >= end) {
            missed++;
            System.out.printf(Locale.ROOT, "not run: %s%n", test.getName());
            return;
        }
        long began = System.nanoTime();
        var seen = new Seen();
        launcher.execute(
                LauncherDiscoveryRequestBuilder.request()
                        .selectors(selectClass(test))
                        .build(),
                seen);
        if (seen.passed + seen.skipped == 0 && seen.failures.isEmpty()) {
            seen.failures.add("no test of it ran: none is for the devices of this run");
        }
        passed += seen.passed;
        failed += seen.failures.size();
        missed += seen.skipped;
        System.out.printf(
                Locale.ROOT,
                "%-6s %-42s %5d passed %3d failed %3d not run %7.1f s%n",
                seen.failures.isEmpty() ? "ok" : "FAILED",
                test.getName(),
                seen.passed,
                seen.failures.size(),
                seen.skipped,
                (System.nanoTime() - began) * 1e-9);
        seen.failures.stream().limit(SHOWN).forEach(failure -> System.out.println("       " + failure));
    }

    private static final class Seen implements TestExecutionListener {
        private final List<String> failures = new ArrayList<>();
        private int passed;
        private int skipped;

        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            switch (result.getStatus()) {
                case FAILED -> {
                    if (isCutOff(result)) {
                        skipped++;
                    } else {
                        failures.add(String.format(Locale.ROOT, "%s: %s", name(test), message(result)));
                    }
                }
                case ABORTED -> skipped++;
                case SUCCESSFUL -> passed += test.isTest() ? 1 : 0;
            }
        }

        /** A test that expects another exception gets that which skips what is left. */
        private static boolean isCutOff(TestExecutionResult result) {
            return Boolean.getBoolean(OpContract.STOP)
                    && message(result).contains(TestAbortedException.class.getName());
        }

        private static String name(TestIdentifier test) {
            return test.getLegacyReportingName() + " " + test.getDisplayName();
        }

        private static String message(TestExecutionResult result) {
            return result.getThrowable()
                    .map(e -> String.valueOf(e).strip().replaceAll("\\s+", " "))
                    .orElse("");
        }
    }
}
