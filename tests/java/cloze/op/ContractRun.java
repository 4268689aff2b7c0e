package cloze.op;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs test classes where there is no Maven, within a time, and prints a line for each:
 *
 * <pre>
 * ContractRun SECONDS PACKAGE-OR-CLASS...
 * </pre>
 *
 * <p>Exits 0 if all passed, 1 if one failed, 3 if time was up before all had run.
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
    public static void main(String[] arguments) throws InterruptedException {
        var run = new ContractRun(Double.parseDouble(arguments[0]));
        List<String> classes = run.classes(Arrays.asList(arguments).subList(1, arguments.length));
        run.stopInTime();
        classes.forEach(run::run);
        System.out.printf("%d passed, %d failed, %d not run%n", run.passed, run.failed, run.missed);
        System.exit(run.failed > 0 ? 1 : run.missed > 0 ? 3 : 0);
    }

    private List<String> classes(List<String> names) {
        List<DiscoverySelector> selectors = new ArrayList<>();
        for (String name : names) {
            boolean type = Character.isUpperCase(name.charAt(name.lastIndexOf('.') + 1));
            selectors.add(type ? selectClass(name) : selectPackage(name));
        }
        var request =
                LauncherDiscoveryRequestBuilder.request().selectors(selectors).build();
        var plan = launcher.discover(request);
        return plan.getRoots().stream()
                .flatMap(root -> plan.getChildren(root).stream())
                .flatMap(test -> test.getSource().stream())
                .map(source -> ((ClassSource) source).getClassName())
                .distinct()
                .toList();
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

    private void run(String name) {
        if (System.nanoTime() >= end) {
            missed++;
            System.out.printf("not run: %s%n", name);
            return;
        }
        long began = System.nanoTime();
        var seen = new Seen();
        launcher.execute(
                LauncherDiscoveryRequestBuilder.request()
                        .selectors(selectClass(name))
                        .build(),
                seen);
        passed += seen.passed;
        failed += seen.failures.size();
        missed += seen.skipped;
        System.out.printf(
                Locale.ROOT,
                "%-6s %-42s %5d passed %3d failed %3d not run %7.1f s%n",
                seen.failures.isEmpty() ? "ok" : "FAILED",
                name,
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
                case FAILED -> failures.add("%s: %s".formatted(name(test), message(result)));
                case ABORTED -> skipped++;
                case SUCCESSFUL -> passed += test.isTest() ? 1 : 0;
            }
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
