"""The data sets of the studies, in two kinds that a set keeps for good.

*Tuning* sets are those on which defaults are chosen. *Checking* sets are for judging what has been
decided, and nothing is chosen on them: no default, no threshold and no method. A result on tuning
sets is too good as an estimate for new data; one on checking sets is not, for as long as they are
kept out of choices.
"""

import os
from pathlib import Path

TUNING = [
    *("annthyroid", "breastw", "cardio", "fault", "glass", "Ionosphere", "landsat", "letter"),
    *("mammography", "musk", "optdigits", "Pima", "satellite", "satimage-2", "thyroid"),
    *("vowels", "Waveform", "WDBC", "wine"),
]
CHECKING_ADBENCH = [
    *("campaign", "cover", "http", "InternetAds", "magic.gamma", "mnist", "pendigits"),
    *("shuttle", "smtp"),
]
CHECKING_ODDBENCH = [
    *("AcademicAnomaly", "AcademicPerformance", "AquaticMacroInverts", "BarExamPrediction"),
    *("BikeSharingTemperature", "BoliviaUnpaidLabor", "BuildingInspection", "ChequeDishonour"),
    *("CreditCardModelAnomaly", "CreditRiskAssessment", "DatabaseInventoryStatus"),
    *("ElectionVoterLists", "EnergySystem", "FinancialCredit", "FinancialPortfolioAnomalies"),
    *("FootballPlayerPosition", "GeneticAnalysis", "GeneticImmuneEscape", "HatPricingRatings"),
    *("KubernetesPodPhase", "LandVote", "LegalPleaAnomalies", "MaritimeSafety"),
    *("MiningProjectOutcome", "ModelPerformance", "NavigationBugReport", "NetworkFirewall"),
    *("NetworkFlowAnomalies", "NetworkStatus", "PoliticalViewsAnomaly", "ProjectSeverity"),
    *("PsychologicalAssessment", "SoftwareQualityMetrics", "StockSymbolAnomaly", "SurveyError"),
    *("TCRSeverity", "TranslationWorkflow", "TreeCondition", "VehicleGPS", "VehicleTelemetry"),
]

# Tuning sets of few rows, and those that are inside the package.
SMALL = [
    *("breastw", "cardio", "fault", "glass", "Ionosphere", "letter", "musk", "Pima", "thyroid"),
    *("vowels", "Waveform", "WDBC", "wine"),
]
SHIPPED = ["breastw", "cardio", "glass", "Ionosphere", "thyroid", "vowels", "WDBC", "wine"]

ODDBENCH_FILES = {name: f"oddbench/{name}.npz" for name in CHECKING_ODDBENCH}
KINDS = {
    "*tuning* sets": (TUNING, ", on which defaults are chosen"),
    "*checking* sets": ([*CHECKING_ADBENCH, *CHECKING_ODDBENCH], ", which are for judging alone"),
}


def data_of(names):
    """Data sets for `run_benchmark` by label: ADBench's by their names, OddBench's by paths."""
    folder = Path(os.environ.get("SKDEEPAD_DATA", "")).expanduser()
    return {
        name: folder / ODDBENCH_FILES[name] if name in ODDBENCH_FILES else name for name in names
    }


def kinds_of(names):
    """Say in one sentence of which kinds data sets are, with their names if there are several."""
    found, others = {}, list(names)
    for kind, (members, purpose) in KINDS.items():
        lower = {member.lower() for member in members}
        found[kind] = [name for name in others if name.lower() in lower], purpose
        others = [name for name in others if name.lower() not in lower]
    found["data that are neither *tuning* nor *checking* sets"] = others, ""
    found = {kind: each for kind, each in found.items() if each[0]}
    parts = [
        kind + (f" ({', '.join(members)})" if len(found) > 1 else "") + purpose
        for kind, (members, purpose) in found.items()
    ]
    return f"Tables are of {', and of '.join(parts)}."
